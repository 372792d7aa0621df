package provider

import (
	"strings"
	"time"
)

// A Remedy is the machine's word for what would mend a failure.
type Remedy string

// The remedies.
const (
	RemedyNothing Remedy = "nothing"     // nothing is wrong
	RemedyWait    Remedy = "wait"        // it ends by itself
	RemedyPay     Remedy = "pay"         // top up, or raise a limit
	RemedyLogin   Remedy = "login"       // log in again, or replace the key
	RemedyPermit  Remedy = "reauthorize" // the credential is good, but lacks a permission, a header or an enabled API
	RemedyRoute   Remedy = "route"       // leave by another proxy or address
	RemedyRequest Remedy = "request"     // change what is asked
	RemedyModel   Remedy = "model"       // ask for another model
	RemedyCheck   Remedy = "check"       // a person must find out more: from the provider, or about what answered
)

// Advice is what somebody can do about a verdict.
type Advice struct {
	Do    Remedy    `json:"do"`
	Text  string    `json:"text"`           // a sentence in plain English, without secrets
	Until time.Time `json:"until,omitzero"` // when waiting will have helped; zero: not known
}

// String is the text.
func (a Advice) String() string { return a.Text }

// anyClass in an adviceRow stands for every class.
const anyClass Class = 255

// An adviceRow is what to do about verdicts of one kind. Rows with a code stand
// before those without; the first that matches counts.
type adviceRow struct {
	code      string // the verdict's Code; a final * matches any ending; "": any
	class     Class
	permanent bool // only verdicts that are
	dated     bool // only verdicts with an Until, which {until} in the text stands for
	do        Remedy
	text      string
}

// adviceRows go by the provider's own word first (provider-facts 3.6, 4.6, 5.4,
// 9), then by the class, which has a row for each.
var adviceRows = []adviceRow{
	// Money, where the word says which.
	{code: "project_spend_limit_exceeded", class: anyClass, do: RemedyPay, text: "raise the spend limit of this project, or use a key of another project"},
	{code: "organization_spend_limit_exceeded", class: anyClass, do: RemedyPay, text: "raise the organization's spend limit, or wait for its month to end"},
	{code: "organization_usage_limit_exceeded", class: anyClass, do: RemedyPay, text: "ask the provider to raise the organization's usage limit"},
	{code: "enforced_spend_limit_reached", class: anyClass, do: RemedyPay, text: "the tier's monthly limit is reached: move to a higher tier, or wait for the month to end"},
	{code: "contract_spend_limit_reached", class: anyClass, do: RemedyPay, text: "the contract's spend limit is reached: have it raised"},
	{code: "billing_not_active", class: anyClass, do: RemedyPay, text: "activate billing for the account"},
	{code: "linked_organization_*", class: anyClass, do: RemedyPay, text: "settle the billing of the linked organization, or raise its limit"},
	{code: "usage_not_included", class: anyClass, do: RemedyPay, text: "the plan does not include this: change the plan"},

	{code: "openrouter_key_limit", class: anyClass, do: RemedyPay, text: "raise the limit of this key, or use another"},
	{code: "in_flight_budget_exhausted", class: anyClass, do: RemedyWait, text: "wait until the requests under way have ended, and send fewer at the same time"},
	{code: "weight_exceeds_budget", class: anyClass, do: RemedyRequest, text: "ask for fewer tokens at a time, or add credits"},

	// Limits that waiting never gets past.
	{code: "rate_limit_exceeded", class: ClassPermission, do: RemedyRequest, text: "the request is larger than the account's limit in a minute: shorten it, or use an account of a higher tier"},
	{code: "RESOURCE_EXHAUSTED", class: ClassPermission, do: RemedyModel, text: "the account's tier has nothing of this model: choose another model, or a higher tier"},

	// The account or the credential, where the word says what of it.
	{code: "organization_on_hold", class: anyClass, do: RemedyCheck, text: "the provider has put the organization on hold: appeal there, and use another account"},
	{code: "account_deactivated", class: anyClass, do: RemedyCheck, text: "the account was deactivated: ask the provider why, and use another account"},
	{code: "CONSUMER_SUSPENDED", class: anyClass, do: RemedyCheck, text: "the project was suspended: ask the provider why, and use a key of another project"},
	{code: "SERVICE_DISABLED", class: anyClass, do: RemedyPermit, text: "enable the API in the key's project"},
	{code: "authentication_error", class: ClassPermission, do: RemedyPermit, text: "send the header anthropic-beta: oauth-2025-04-20 with this token"},
	{code: "oauth_not_allowed_for_organization", class: anyClass, do: RemedyPermit, text: "let the organization's administrator allow OAuth, or use an API key"},
	{code: "claude_code_version_too_old", class: anyClass, do: RemedyRequest, text: "update the program that sends the request"},
	{code: "cmek_key_*", class: anyClass, do: RemedyPermit, text: "give the workspace access to its encryption key again"},
	{code: "invalid_service_tier", class: anyClass, do: RemedyRequest, text: "ask for another service tier, or allow this one in the project"},

	// The way out.
	{code: "ip_not_authorized", class: anyClass, do: RemedyRoute, text: "add the address that requests leave from to the project's list, or leave by another proxy"},
	{code: "unsupported_country_region_territory", class: anyClass, do: RemedyRoute, text: "the provider does not serve the country that requests leave from: leave by a proxy elsewhere"},

	// Classes.
	{class: ClassUnknown, do: RemedyCheck, text: "the answer was not understood: check the base URL, and what stands between"},
	{class: ClassOK, do: RemedyNothing, text: "nothing is to be done"},
	{class: ClassRateLimited, dated: true, do: RemedyWait, text: "wait until {until}, or use another account"},
	{class: ClassRateLimited, do: RemedyWait, text: "wait a minute, or use another account"},
	{class: ClassCapacity, dated: true, do: RemedyWait, text: "wait until {until}, and send fewer requests at the same time"},
	{class: ClassCapacity, do: RemedyWait, text: "wait a second, and send fewer requests at the same time"},
	{class: ClassQuotaExhausted, permanent: true, do: RemedyPay, text: "pay: top up the account or change its plan; waiting does not help"},
	{class: ClassQuotaExhausted, dated: true, do: RemedyWait, text: "wait until {until}, or pay: top up, raise the limit or change the plan"},
	{class: ClassQuotaExhausted, do: RemedyPay, text: "pay: top up the account, raise its limit or change its plan"},
	{class: ClassAuthInvalid, permanent: true, do: RemedyLogin, text: "the credential or its account is gone for good: make a new key, or log in with another account"},
	{class: ClassAuthInvalid, do: RemedyLogin, text: "log in again, or replace the key; check that it belongs to this provider and base URL"},
	{class: ClassPermission, do: RemedyPermit, text: "the credential is good but may not do this: give it the permission, enable the API, or log in with the scope it lacks"},
	{class: ClassEgressBlocked, do: RemedyRoute, text: "the way out is refused, not the account: leave by another proxy or address"},
	{class: ClassModelNotFound, permanent: true, do: RemedyModel, text: "the model is gone: choose another"},
	{class: ClassModelNotFound, do: RemedyModel, text: "choose another model, or give the account access to this one"},
	{class: ClassContextTooLong, do: RemedyRequest, text: "shorten the request, or choose a model with a longer context"},
	{class: ClassTooLarge, do: RemedyRequest, text: "send fewer bytes: smaller or fewer images and files"},
	{class: ClassInvalidRequest, do: RemedyRequest, text: "mend the request, as the message says"},
	{class: ClassContentPolicy, do: RemedyRequest, text: "change the content that was refused"},
	{class: ClassOverloaded, dated: true, do: RemedyWait, text: "wait until {until}, or use another provider or model"},
	{class: ClassOverloaded, do: RemedyWait, text: "wait some minutes, or use another provider or model"},
	{class: ClassTransient, dated: true, do: RemedyWait, text: "wait until {until}, then try again"},
	{class: ClassTransient, do: RemedyWait, text: "try again in a moment"},
	{class: ClassTimeout, do: RemedyWait, text: "try again later; if it stays so, allow more time or leave by another proxy"},
	{class: ClassCanceled, do: RemedyNothing, text: "the caller ended it: nothing was learnt"},
	{class: ClassProxyFailed, do: RemedyRoute, text: "mend the proxy, its address, user name and password, or use another"},
}

// Advice says what somebody can do about v: the row of the provider's own word
// where there is one, else that of the class. Every class has one.
func (v Verdict) Advice() Advice {
	if int(v.Class) >= len(classes) {
		v.Class = ClassUnknown
	}
	for i := range adviceRows {
		row := &adviceRows[i]
		switch {
		case row.class != anyClass && row.class != v.Class, row.class == anyClass && v.Class == ClassOK:
		case row.code != "" && (v.Code == "" || !matchWord(row.code, v.Code)):
		case row.permanent && !v.Permanent, row.dated && v.Until.IsZero():
		default:
			text := strings.ReplaceAll(row.text, "{until}", v.Until.UTC().Format(time.RFC3339))
			return Advice{Do: row.do, Text: text, Until: v.Until}
		}
	}
	return Advice{Do: RemedyCheck, Text: "a person must look at it"}
}
