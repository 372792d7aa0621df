package balancer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// models is an Account's Models, ready for look-ups. nil serves all, as asked.
type models struct {
	exact    map[string]string
	patterns []pattern // the longest text before the * first
}

type pattern struct{ before, after, sent string }

func newModels(m map[string]string) (*models, error) {
	if m == nil {
		return nil, nil
	}
	if len(m) == 0 {
		return nil, fmt.Errorf("it names no model, so the account serves none: write nil for all, as asked, or set Disabled")
	}
	out := &models{exact: make(map[string]string)}
	for asked, sent := range m {
		before, after, found := strings.Cut(asked, "*")
		switch {
		case asked == "":
			return nil, fmt.Errorf("an empty model name: write a name, or * for all")
		case strings.Contains(after, "*") || strings.Count(sent, "*") > 1:
			return nil, fmt.Errorf("%q has more than one *: use one", asked)
		case !found && strings.Contains(sent, "*"):
			return nil, fmt.Errorf("%q has no *, so nothing can stand for that in %q", asked, sent)
		case found:
			out.patterns = append(out.patterns, pattern{before, after, sent})
		default:
			out.exact[asked] = sent
		}
	}
	slices.SortFunc(out.patterns, func(a, b pattern) int {
		return cmp.Or(cmp.Compare(len(b.before), len(a.before)), cmp.Compare(len(b.after), len(a.after)), cmp.Compare(a.after, b.after))
	})
	return out, nil
}

// serves says under which name a model is sent, and whether it is served at all.
// Requests that name no model are.
func (m *models) serves(asked string) (sent string, ok bool) {
	if m == nil || asked == "" {
		return asked, true
	}
	if sent, ok = m.exact[asked]; ok {
		return cmp.Or(sent, asked), true
	}
	for _, p := range m.patterns {
		if len(asked) >= len(p.before)+len(p.after) && strings.HasPrefix(asked, p.before) && strings.HasSuffix(asked, p.after) {
			matched := asked[len(p.before) : len(asked)-len(p.after)]
			return cmp.Or(strings.Replace(p.sent, "*", matched, 1), asked), true
		}
	}
	return "", false
}
