package provider

import "slices"

// anthropicVersion is sent where nobody has said another: by probes and lists
// of models, never on what passes through (provider-facts 4.2).
const anthropicVersion = "2023-06-01"

// Kinds of credential that presets are for.
const (
	kindKey     = "API key"
	kindClaude  = "OAuth token of a Claude plan"
	kindCookie  = "session cookie of claude.ai"
	kindChatGPT = "access token (JWT) of a ChatGPT plan"
	kindGoogle  = "OAuth token of a Google account"
)

const (
	free       = "free"
	freeCount  = "no tokens; some providers count it as a request"
	cookieAuth = authCookie + "sessionKey"
)

// listRules are the answers to a request for a list of models. What 403 means
// there is unsure: a restricted key may get it, so it is no mark against the
// account (provider-facts 3.9, 14).
func listRules(good ...string) (rules []ProbeRule) {
	for _, path := range good {
		rules = append(rules, ProbeRule{Status: 200, JSON: path, Class: ClassOK})
	}
	return append(rules,
		ProbeRule{Status: 403, From: ClassPermission, Class: ClassPermission, Scope: ScopeNone,
			Words: "the key is known but may not list models, as restricted keys may not: it may be good for the rest"},
		ProbeRule{Status: 404, Class: ClassUnknown, Scope: ScopeNone, Words: noList},
		ProbeRule{Status: 405, Class: ClassUnknown, Scope: ScopeNone, Words: noList})
}

const noList = "this server answers, but not this question: nothing was learnt about the credential"

// balanceRules are what an answer about money means: enough says that there is
// some, and short that there is none.
func balanceRules(short, enough ProbeRule) []ProbeRule {
	short.Status, enough.Status = 200, 200
	short.Class, enough.Class = ClassQuotaExhausted, ClassOK
	short.Words = "the balance is used up"
	return []ProbeRule{short, enough, {Status: 404, Class: ClassUnknown, Scope: ScopeNone, Words: noList}}
}

var (
	provesReach = []Proof{ProvesReach}
	provesKey   = []Proof{ProvesReach, ProvesCredential}
	provesModel = []Proof{ProvesReach, ProvesCredential, ProvesModel}
	provesMoney = []Proof{ProvesReach, ProvesCredential, ProvesMoney}
)

// probePresets are the probes that come with the package (provider-facts 3.9,
// 4.10, 5.6, 9.3, 9.4, 9.10, 10, 11.3).
var probePresets = []Probe{
	// Keys. A good answer to a list of models proves no money.
	{Name: "openai key", Path: "/models", Auth: AuthAccount, Rules: listRules("data", "0.id"),
		Proves: provesKey, Credential: kindKey, Cost: freeCount, Source: "oai-spec; provider-facts 3.9"},
	{Name: "openai model", Path: "/models/{model}", Auth: AuthAccount, Rules: []ProbeRule{{Status: 200, JSON: "id", Class: ClassOK}},
		Proves: provesModel, Credential: kindKey, Cost: freeCount, Source: "oai-spec; provider-facts 11.3"},
	{Name: "anthropic key", Path: "/v1/models?limit=1", Header: map[string]string{"Anthropic-Version": anthropicVersion}, Auth: AuthAccount,
		Rules: listRules("data"), Proves: provesKey, Credential: kindKey, Cost: free, Source: "ant-docs; provider-facts 4.10"},
	{Name: "anthropic count tokens", Method: post, Path: "/v1/messages/count_tokens", Header: map[string]string{"Anthropic-Version": anthropicVersion},
		Body: `{"model":"{model}","messages":[{"role":"user","content":"hi"}]}`, Auth: AuthAccount,
		Rules:  []ProbeRule{{Status: 200, JSON: "input_tokens", Class: ClassOK}},
		Proves: provesModel, Credential: kindKey, Cost: "free; has a rate limit of its own", Source: "ant-docs; provider-facts 4.10"},
	{Name: "gemini key", Path: "/v1beta/models?pageSize=1", Auth: AuthAccount, Rules: listRules("models"),
		Proves: provesKey, Credential: kindKey, Cost: free, Source: "genai; provider-facts 5.6"},
	{Name: "gemini model", Path: "/v1beta/models/{model}", Auth: AuthAccount, Rules: []ProbeRule{{Status: 200, JSON: "name", Class: ClassOK}},
		Proves: provesModel, Credential: kindKey, Cost: free, Source: "genai; provider-facts 11.3"},

	// Money. Bearer, since the same key may be used at the base that speaks
	// Anthropic's protocol.
	{Name: "deepseek balance", Path: "/user/balance", Root: true, Auth: AuthBearer,
		Rules: balanceRules(
			ProbeRule{JSON: "is_available", Test: TestEquals, Value: "false"},
			ProbeRule{JSON: "is_available", Test: TestEquals, Value: "true"}),
		Proves: provesMoney, Credential: kindKey, Cost: free, Source: "api-docs.deepseek.com; provider-facts 9.3"},
	{Name: "moonshot balance", Path: "/v1/users/me/balance", Root: true, Auth: AuthBearer,
		Rules: balanceRules(
			ProbeRule{JSON: "data.available_balance", Test: TestBelow, Value: "0.000000001"}, // at 0 it serves nothing more
			ProbeRule{JSON: "data.available_balance"}),
		Proves: provesMoney, Credential: kindKey, Cost: free, Source: "Moonshot's billing API; provider-facts 9.4"},
	{Name: "openrouter key", Path: "/api/v1/key", Root: true, Auth: AuthBearer,
		Rules: slices.Insert(balanceRules(
			ProbeRule{JSON: "data.limit_remaining", Test: TestBelow, Value: "0.000000001"}, // null: no limit on the key
			ProbeRule{JSON: "data.usage"}),
			1, ProbeRule{Status: 200, JSON: "data.effective_budget.remaining_usd", Test: TestBelow, Value: "0.000000001",
				Class: ClassQuotaExhausted, Words: "the budget that the key draws on is used up"}),
		Proves: provesMoney, Credential: kindKey, Cost: free, Source: "openrouter.ai/docs; provider-facts 9.10"},

	// Servers of one's own.
	{Name: "vllm health", Path: "/health", Root: true, Rules: []ProbeRule{{Status: 200, Class: ClassOK}},
		Proves: provesReach, Cost: free, Source: "vLLM's docs; provider-facts 10"},
	{Name: "ollama version", Path: "/api/version", Root: true, Rules: []ProbeRule{{Status: 200, JSON: "version", Class: ClassOK}},
		Proves: provesReach, Cost: free, Source: "Ollama's docs; provider-facts 10"},
	{Name: "llama.cpp health", Path: "/health", Root: true, Rules: []ProbeRule{
		{Status: 200, Class: ClassOK},
		{Status: 503, Class: ClassOverloaded, Words: "the server is there and still loads its model"}},
		Proves: provesReach, Cost: free, Source: "unsure; provider-facts 10"},
	{Name: "lm studio models", Path: "/models", Auth: AuthAccount, Rules: listRules("data"),
		Proves: provesReach, Credential: kindKey, Cost: free, Source: "unsure; provider-facts 10"},

	// The way alone.
	{Name: "openai welcome", URL: "https://api.openai.com/", Rules: []ProbeRule{{Status: 200, Class: ClassOK}},
		Proves: provesReach, Cost: free, Undocumented: true, Source: "seen; provider-facts 3.9"},

	// Plans. None of these is described by its vendor, and all are off unless
	// chosen: whether a plan's token may be used outside the vendor's own
	// programs is for its owner to know. They are asked as what they are, by Go's
	// own User-Agent, so a firewall may answer in the API's place.
	{Name: "claude plan usage", Path: "/api/oauth/usage", Root: true, Header: map[string]string{"Anthropic-Beta": "oauth-2025-04-20"}, Auth: AuthBearer,
		Rules: []ProbeRule{ // percent here, a fraction in the headers of answers
			{Status: 200, JSON: "seven_day.utilization", Test: TestAtLeast, Value: "100", Class: ClassQuotaExhausted, Until: "seven_day.resets_at", Words: "the plan's seven days are used up"},
			{Status: 200, JSON: "five_hour.utilization", Test: TestAtLeast, Value: "100", Class: ClassQuotaExhausted, Until: "five_hour.resets_at", Words: "the plan's five hours are used up"},
			{Status: 200, JSON: "five_hour", Class: ClassOK},
			{Status: 429, Class: ClassRateLimited, Scope: ScopeNone, Words: "the usage page was asked too often, which says nothing about the account"},
			{Status: 403, From: ClassPermission, Class: ClassPermission, Scope: ScopeNone, Words: "the token may not read the plan's usage (scope user:profile): it may be good for the rest"}},
		Proves: provesMoney, Credential: kindClaude, Cost: "free; throttled", Undocumented: true, Source: "seen; provider-facts 12.2"},
	{Name: "claude.ai organizations", URL: "https://claude.ai/api/organizations", Auth: cookieAuth,
		Rules: []ProbeRule{
			{Status: 200, JSON: "0.uuid", Class: ClassOK},
			{Status: 403, JSON: "error.details.error_code", Test: TestEquals, Value: "account_session_invalid", Class: ClassAuthInvalid, Words: "the session has ended"}},
		Proves: provesKey, Credential: kindCookie, Cost: free, Undocumented: true,
		Source: "seen in public repositories, 2025-2026: GET with the cookie sessionKey, an array of objects with a uuid"},
	{Name: "chatgpt account", URL: "https://chatgpt.com/backend-api/accounts/check/v4-2023-04-27", Auth: AuthBearer,
		Rules: []ProbeRule{
			{Status: 200, JSON: "accounts.default.account.is_deactivated", Test: TestEquals, Value: "true", Class: ClassAuthInvalid, Permanent: true, Words: "the account was deactivated"},
			{Status: 200, JSON: "accounts.default.entitlement.has_active_subscription", Test: TestEquals, Value: "false", Class: ClassQuotaExhausted, Words: "the account has no active plan"},
			{Status: 200, JSON: "accounts", Class: ClassOK}},
		Proves: provesKey, Credential: kindChatGPT, Cost: free, Undocumented: true,
		Source: "seen in public repositories, 2026: accounts.<id or default>.{account,entitlement}"},
	{Name: "gemini oauth models", Path: "/v1beta/models?pageSize=1", Auth: AuthBearer, Rules: listRules("models"),
		Proves: provesKey, Credential: kindGoogle, Cost: free, Undocumented: true,
		Source: "scopes unsure, and a quota project may have to be named in X-Goog-User-Project; provider-facts 5.1, 12.4"},
}
