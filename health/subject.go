package health

import (
	"hash/fnv"
	"strconv"
)

// Kind is what sort of thing a [Subject] is. Kinds are separate failure domains: what is held against a proxy is never
// held against the account that went through it.
type Kind uint8

// The kinds of subject. Their numbers are part of what stores keep and do not change.
const (
	KindUnknown       Kind = iota // not said; no subject of ours has it
	KindAccount                   // one account, whatever the model
	KindAccountModel              // one model of one account
	KindProvider                  // one provider, whatever the account
	KindProviderModel             // one model at one provider
	KindProxy                     // one proxy, whatever lies behind it
	KindRoute                     // one proxy on the way to one origin
)

var kindNames = [...]string{"unknown", "account", "account model", "provider", "provider model", "proxy", "route"}

// String is the kind in words, such as "account model". A kind that this version does not know is "kind(n)".
func (k Kind) String() string { return enumName(kindNames[:], "kind", uint8(k)) }

// Subject names something that can fail on its own. It is comparable and can be a map key. A subject without a kind or
// a name is a valid key, but nothing of ours uses one.
type Subject struct {
	Kind  Kind
	Name  string // of the account, provider, proxy or route; never holds a password, nor the hash of one
	Model string // for KindAccountModel and KindProviderModel; empty otherwise
}

// String is the subject in words, such as `account model "main" "gpt-5"`.
func (s Subject) String() string {
	text := s.Kind.String() + " " + strconv.Quote(s.Name)
	if s.Model != "" {
		text += " " + strconv.Quote(s.Model)
	}
	return text
}

// Seed is a number made from the subject, the same in every process: for [Outcome.Seed], so that subjects that began to
// rest together do not all come back together.
func (s Subject) Seed() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte{byte(s.Kind)})
	_, _ = h.Write([]byte(s.Name))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(s.Model))
	return h.Sum64()
}

// enumName is names[n], or "what(n)" beyond their end.
func enumName(names []string, what string, n uint8) string {
	if int(n) < len(names) {
		return names[n]
	}
	return what + "(" + strconv.Itoa(int(n)) + ")"
}
