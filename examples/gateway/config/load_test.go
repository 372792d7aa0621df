package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/examples/gateway/config"
	"github.com/aitransport/aitransport/examples/gateway/resource"
)

const account = "accounts:\n  - name: a\n    provider: openai\n    secret: k\n"

// bad are configurations with one mistake each: its line, its field and a word of what to
// write instead.
var bad = []struct {
	name, text  string
	line        int
	field, says string
}{
	{"unknown field", "listne: x:1", 1, "", "did you mean listen?"},
	{"unknown field within another", "timeouts:\n  conect: 1s", 2, "timeouts", "did you mean connect?"},
	{"unknown field of an account", account + "    wieght: 2", 5, "accounts[0]", "did you mean weight?"},
	{"field of another case", "dataDir: x", 1, "", "did you mean data_dir?"},
	{"field twice", "listen: :1\nlisten: :2", 2, "listen", "line 1"},
	{"both names of a field", "proxy_url: env\nproxyUrl: env", 2, "proxy_url", "another name"},
	{"both names of a field in an account", account + "    proxyFallbackToDirect: true\n    proxy_fallback_to_direct: true", 6, "accounts[0].proxy_fallback_to_direct", "another name"},
	{"merge key", "timeouts: &t\n  idle: 1s\nlog:\n  <<: *t", 4, "log", "<<"},
	{"no YAML", "listen: :1\n  data_dir: [", 2, "", "no YAML"},
	{"unknown alias", "listen: *x", 1, "", "quotes"},
	{"tab", "log:\n\tlevel: info", 2, "", "no YAML"},
	{"two documents", "listen: :1\n---\nlisten: :2", 2, "", "second document"},
	{"text for fields", "timeouts: 30s", 1, "timeouts", "fields are wanted"},
	{"list for a text", "listen: [a]", 1, "listen", "one value"},
	{"text for a list", "accounts: a", 1, "accounts", "list"},
	{"address without a port", "listen: 127.0.0.1", 1, "listen", "host:port"},
	{"port too high", "listen: :65536", 1, "listen", "host:port"},
	{"number for a duration", "session_ttl: 300", 1, "session_ttl", "with its unit"},
	{"negative duration", "timeouts:\n  header: -1s", 2, "timeouts.header", "0s for none"},
	{"none where there has to be one", "timeouts:\n  request_header: 0s", 2, "timeouts.request_header", "write from"},
	{"word for a number", "max_attempts: many", 1, "max_attempts", "whole number"},
	{"part of a number", "max_attempts: 2.5", 1, "max_attempts", "whole number"},
	{"negative number", "max_attempts: -1", 1, "max_attempts", "from 1"},
	{"word for a bool", "allow_link_local: maybe", 1, "allow_link_local", "true or false"},
	{"size", "limits:\n  body: 32MB", 2, "limits.body", "32MiB"},
	{"upload below body", "limits:\n  body: 2MiB\n  upload: 1MiB", 3, "limits.upload", "write from"},
	{"database of an empty variable", "listen: :1\ndatabase: ${EMPTY}", 2, "database", "remove the line for SQLite in data_dir; ${NAME:-} says that it may be empty"},
	{"empty database", "listen: :1\ndatabase: \"\"", 2, "database", "remove the line for SQLite in data_dir"},
	{"database of nothing", "listen: :1\ndatabase:", 2, "database", "remove the line"},
	{"redis of an empty variable", "redis: \" ${EMPTY}\"", 1, "redis", "no Redis"},
	{"master key of an empty variable", "master_key: ${EMPTY}", 1, "master_key", "a key in data_dir"},
	{"admin token of nothing", "admin_token: ~", 1, "admin_token", "first start"},
	{"listen of an empty variable", "listen: ${EMPTY}", 1, "listen", "127.0.0.1:8080"},
	{"variable not set", "redis: ${NOT_THERE}", 1, "redis", "NOT_THERE is not set"},
	{"variable not closed", "redis: ${NOT", 1, "redis", "begins no variable"},
	{"file not there", "admin_token: file:nowhere", 1, "admin_token", "cannot be read"},
	{"file is a folder", "admin_token: file:.", 1, "admin_token", "no regular file"},
	{"short token", "admin_token: short", 1, "admin_token", "openssl rand"},
	{"short master key", "master_key: 0011", 1, "master_key", "32 bytes"},
	{"database of another kind", "database: mongodb://h/x", 1, "database", "SQLite"},
	{"database without a name", "database: postgres://h", 1, "database", "host:port/name"},
	{"redis of another kind", "redis: h:6379", 1, "redis", "redis://"},
	{"proxy of another kind", "proxy_url: ftp://p:1", 1, "proxy_url", "socks5"},
	{"proxy too long", "proxyUrl: http://" + strings.Repeat("p", 512) + ":1", 1, "proxy_url", "512"},
	{"proxy at a metadata address", "proxy_url: http://169.254.169.254:80", 1, "proxy_url", "link-local"},
	{"unknown provider", "providers:\n  opanai: {}", 2, "providers.opanai", "did you mean openai?"},
	{"proxy of a provider", "providers:\n  openai:\n    proxyUrl: x", 3, "providers.openai.proxy_url", "no proxy"},
	{"client of another kind", "client_filter:\n  clients:\n    - type: claude", 3, "client_filter.clients[0].type", "claude-code"},
	{"custom client that says nothing", "client_filter:\n  clients:\n    - type: custom", 3, "client_filter.clients[0]", "user_agents"},
	{"preset that says more", "client_filter:\n  clients:\n    - type: claude-code\n      system: [x]", 3, "client_filter.clients[0]", "custom"},
	{"empty beginning", "client_filter:\n  clients:\n    - type: custom\n      user_agents: [\"\"]", 4, "client_filter.clients[0].user_agents[0]", "write a text"},
	{"short concurrency_ttl", "timeouts: {header: 1h}\nconcurrency_ttl: 1h", 2, "concurrency_ttl", "write from 2h"},
	{"header name", "client_filter:\n  clients:\n    - type: custom\n      headers: [a b]", 4, "client_filter.clients[0].headers[0]", "X-Team"},
	{"network", "trusted_proxies:\n  - 10.0.0.0/8\n  - everywhere", 3, "trusted_proxies[1]", "fd00::/8"},
	{"level", "log:\n  level: warning", 2, "log.level", "warn"},
	{"price without a rate", "prices:\n  rows:\n    - {models: [m], inptu: 1}", 3, "prices.rows[0]", "no row of prices"},
	{"price of no model", "prices:\n  rows:\n    - {models: [], input: 1}", 3, "prices.rows[0]", "models"},
	{"price file", "prices:\n  file: nowhere.json", 2, "prices.file", "cannot be read"},
	{"quota in redis without redis", "quota:\n  store: redis", 2, "quota.store", "no redis"},
	{"quota in SQLite", "quota:\n  store: database", 2, "quota.store", "SQLite"},
	{"policy", "quota:\n  when_broken: ajar", 2, "quota.when_broken", "closed, open"},
	{"account without a name", "accounts:\n  - provider: openai\n    secret: k", 2, "accounts[0].name", "missing"},
	{"account twice", account + "  - name: a\n    provider: openai\n    secret: k", 5, "accounts[1].name", "accounts[0].name on line 2"},
	{"account of an unknown provider", "accounts:\n  - {name: a, provider: gemni, secret: k}", 2, "accounts[0].provider", "did you mean gemini?"},
	{"account without a secret", "accounts:\n  - {name: a, provider: openai}", 2, "accounts[0].secret", "OPENAI_API_KEY"},
	{"account with both", account + "    oauth: {token_url: https://x, refresh_token: r}", 5, "accounts[0].oauth", "one of them"},
	{"token URL", "accounts:\n  - {name: a, provider: openai, oauth: {token_url: x, refresh_token: r}}", 2, "accounts[0].oauth.token_url", "https://"},
	{"base URL", account + "    base_url: api.example.com", 5, "accounts[0].base_url", "https://"},
	{"base URL with a credential", account + "    base_url: https://u:p@api.example.com", 5, "accounts[0].base_url", "secret"},
	{"base URL at a metadata address", account + "    base_url: http://[fe80::1]/v1", 5, "accounts[0].base_url", "link-local"},
	{"negative weight", account + "    weight: -1", 5, "accounts[0].weight", "from 0"},
	{"group", account + "    groups: [a/b]", 5, "accounts[0].groups[0]", "paths"},
	{"group that is a path", account + "    groups: [v1]", 5, "accounts[0].groups[0]", "another name"},
	{"group that is an API's prefix", account + "    groups: [openai]", 5, "accounts[0].groups[0]", "another name"},
	{"no models", account + "    models: {}", 5, "accounts[0].models", "enabled: false"},
	{"two stars", account + "    models:\n      a*b*: c", 5, "accounts[0].models", "one *"},
	{"star for nothing", account + "    models:\n      a: b*", 5, "accounts[0].models", "nothing can stand"},
	{"limit of another unit", account + "    limits:\n      - {unit: reqests, max: 1, window: 1m}", 6, "accounts[0].limits[0].unit", "did you mean requests?"},
	{"limit of nothing", account + "    limits:\n      - {unit: requests, max: 0, window: 1m}", 6, "accounts[0].limits[0].max", "above 0"},
	{"limit of parts", account + "    limits:\n      - {unit: requests, max: 1.5, window: 1m}", 6, "accounts[0].limits[0].max", "whole"},
	{"limit without a window", account + "    limits:\n      - {unit: requests, max: 1}", 6, "accounts[0].limits[0].window", "1m or 5h"},
	{"window in flight", account + "    limits:\n      - {unit: in_flight, max: 1, window: 1m}", 6, "accounts[0].limits[0].window", "remove"},
	{"zone", account + "    limits:\n      - {unit: requests, max: 1, window: day, zone: Europe/Bärlin}", 6, "accounts[0].limits[0].zone", "Europe/Berlin"},
	{"zone of a duration", account + "    limits:\n      - {unit: requests, max: 1, window: 1m, zone: Europe/Berlin}", 6, "accounts[0].limits[0]", "remove"},
	{"day of a month", account + "    limits:\n      - {unit: requests, max: 1, window: month, on: 32}", 6, "accounts[0].limits[0].on", "1 to 31"},
	{"schedule without spans", account + "    schedule: {zone: UTC}", 5, "accounts[0].schedule.spans", "never"},
	{"schedule on no day", account + "    schedule:\n      spans:\n        - {days: [someday], from: \"1:00\", to: \"2:00\"}", 7, "accounts[0].schedule.spans[0].days[0]", "monday"},
	{"schedule of no time", account + "    schedule:\n      spans:\n        - {from: \"25:00\", to: \"2:00\"}", 7, "accounts[0].schedule.spans[0].from", "09:00"},
	{"rest", account + "    health: {rest: 1h, max_rest: 1m}", 5, "accounts[0].health.rest", "max_rest"},
	{"rest shorter than the gateway's", account + "    health: {max_rest: 10s}", 5, "accounts[0].health.max_rest", "first rest, 30s"},
	{"rests after rate limits", account + "    health: {rate_limit_rest: 1h, max_rate_limit_rest: 1m}", 5, "accounts[0].health.max_rate_limit_rest", "rate_limit_rest"},
	{"secret of two words", "accounts:\n  - {name: a, provider: openai, secret: sk 1}", 2, "accounts[0].secret", "API key alone"},
	{"token URL without TLS", "accounts:\n  - {name: a, provider: openai, oauth: {token_url: http://x.example/t, refresh_token: r}}", 2, "accounts[0].oauth.token_url", "this machine alone"},
	{"nothing that renews", "accounts:\n  - {name: a, provider: openai, oauth: {token_url: https://x.example/t, client_id: i, client_secret: s}}", 2, "accounts[0].oauth.refresh_token", "nothing else renews"},
	{"base URL with steps back", account + "    base_url: https://api.example.com/a/../v1", 5, "accounts[0].base_url", ". and .."},
	{"row without a price", "prices:\n  rows:\n    - {models: [m]}", 3, "prices.rows[0]", "0 for what costs nothing"},
	{"header that HTTP sets", account + "    header: {Host: x}", 5, "accounts[0].header.Host", "remove"},
	{"factor", account + "    price_rate: -0.5", 5, "accounts[0].price_rate", "factor"},
	{"key without a secret", "keys:\n  - name: k", 2, "keys[0].secret", "16 characters"},
	{"keys with one secret", "keys:\n  - {name: a, secret: 0123456789abcdef}\n  - {name: b, secret: 0123456789abcdef}", 3, "keys[1].secret", "keys[0]"},
	{"time", "keys:\n  - {name: a, secret: 0123456789abcdef, expires_at: tomorrow}", 2, "keys[0].expires_at", "2027-01-31"},
	{"quota of nothing", "keys:\n  - {name: a, secret: 0123456789abcdef, quotas: [{window: day}]}", 2, "keys[0].quotas[0]", "usd or tokens"},
	{"window of a quota", "keys:\n  - {name: a, secret: 0123456789abcdef, quotas: [{window: year, usd: 1}]}", 2, "keys[0].quotas[0].window", "day, week"},
	{"models of a key", "keys:\n  - {name: a, secret: 0123456789abcdef, models: [\"**\"]}", 2, "keys[0].models[0]", "one *"},
}

// goNames are words that only who writes Go knows.
var goNames = regexp.MustCompile(`\b(Config|Account|Hint|Policy|OAuthConfig|Prices|Models|Weight|Limits)\b|\b[a-z]+[A-Z]?\.[A-Z]|\b(AllowLinkLocal|MaxRest|BaseURL|RefreshToken|TokenURL|AccessToken)\b|\bnil\b`)

func TestLoadSaysWhereAndWhatToWrite(t *testing.T) {
	for _, c := range bad {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.text, func(name string) (string, bool) { return "", name == "EMPTY" })
			var found *config.Error
			require.ErrorAs(t, err, &found)
			require.Len(t, found.Problems, 1, "%v", err)
			p := found.Problems[0]
			assert.Equal(t, c.line, p.Line, "%v", err)
			assert.Equal(t, c.field, p.Field, "%v", err)
			assert.Contains(t, p.Message, c.says)
			assert.Contains(t, err.Error(), fmt.Sprintf("gateway.yaml:%d: ", c.line))
			assert.NotRegexp(t, goNames, p.Message)
		})
	}
}

func TestWhatMayBeEmptySaysSo(t *testing.T) {
	f, err := load(t, "database: ${NONE:-}\nredis: ${EMPTY:-}\nmaster_key: ${EMPTY:-}\nadmin_token: ${NONE:-}\n", func(name string) (string, bool) { return "", name == "EMPTY" })
	require.NoError(t, err)
	assert.True(t, f.Database.IsZero() && f.Redis.IsZero() && f.MasterKey.IsZero() && f.AdminToken.IsZero())
}

func TestLoadTellsAllProblemsInTheOrderOfLines(t *testing.T) {
	_, err := load(t, "max_attempts: 0\nlisten: here\nkeys:\n  - name: k\n    secret: ${NONE}\nbogus: 1\n", noEnv)
	var found *config.Error
	require.ErrorAs(t, err, &found)
	var lines []int
	for _, p := range found.Problems {
		lines = append(lines, p.Line)
	}
	assert.Equal(t, []int{1, 2, 5, 6}, lines, "%v", err)
}

func TestLoadBoundsWhatItTells(t *testing.T) {
	_, err := load(t, "groups:\n"+account+"    groups: ["+strings.Repeat("a/b,", 500)+"]", noEnv)
	var found *config.Error
	require.ErrorAs(t, err, &found)
	assert.Len(t, found.Problems, 100)
	assert.Equal(t, 401, found.More)
	assert.Contains(t, err.Error(), "and 401 more")
}

func TestValuesComeFromTheEnvironmentAndFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("secret", "from-a-file-${NOT_LOOKED_AT}\n")
	write(".env", "DOTENV='of-.env'\nBOTH=of-.env\n")
	vars := map[string]string{"KEY": "sk-1", "BOTH": "of-env", "EMPTY": "", "FILE": "file:secret", "NAME": "secret"}
	env := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	cases := []struct{ name, written, want string }{
		{"variable", "${KEY}", "sk-1"},
		{"within a text", "a-${KEY}-${KEY}", "a-sk-1-sk-1"},
		{"default not used", "${KEY:-other}", "sk-1"},
		{"default", "${NONE:-other:-text}", "other:-text"},
		{"default for an empty one", "${EMPTY:-other}", "other"},
		{"escaped", "$${KEY}", "${KEY}"},
		{"lonely sign", "pa$$word$", "pa$$word$"},
		{"file", "file:secret", "from-a-file-${NOT_LOOKED_AT}"},
		{"file of a variable", "file:${NAME}", "from-a-file-${NOT_LOOKED_AT}"},
		{"absolute file", "file:" + filepath.Join(dir, "secret"), "from-a-file-${NOT_LOOKED_AT}"},
		{"what a variable says is not read", "${FILE}", "file:secret"},
		{".env", "${DOTENV}", "of-.env"},
		{"the environment goes first", "${BOTH}", "of-env"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			write("gateway.yaml", "accounts:\n  - name: a\n    provider: openai\n    secret: '"+c.written+"'\n")
			f, err := config.Load(filepath.Join(dir, "gateway.yaml"), env)
			require.NoError(t, err)
			assert.Equal(t, c.want, f.Accounts[0].Secret.Reveal())
		})
	}
}

func TestLoadRefusesWhatDoesNotEnd(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large"), make([]byte, 64<<10+1), 0o600))
	path := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte("admin_token: file:large"), 0o600))
	_, err := config.Load(path, noEnv)
	require.ErrorContains(t, err, "longer than 64KiB")

	laughs := "accounts:\n  - models: &m {a: b}\n  - &l0 {models: *m}\n"
	for i := range 40 {
		laughs += fmt.Sprintf("  - &l%d {models: *m, schedule: *l%d}\n", i+1, i)
	}
	_, err = load(t, laughs, noEnv)
	require.Error(t, err)
	_, err = load(t, "prices: {rows: [&a {models: [*a]}]}\n", noEnv)
	require.ErrorContains(t, err, "flatter")
}

func TestDotEnvThatCannotBeUnderstoodIsNotQuoted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env"), []byte("GOOD=1\nthis is sk-hidden no line\n"), 0o600))
	path := filepath.Join(dir, "gateway.yaml")
	require.NoError(t, os.WriteFile(path, []byte("listen: :1"), 0o600))
	_, err := config.Load(path, noEnv)
	require.ErrorContains(t, err, ".env:2: it cannot be understood")
	assert.NotContains(t, err.Error(), "hidden")
}

func TestLoadWithoutAConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(".env", []byte("GATEWAY_MASTER_KEY="+strings.Repeat("ab", 32)+"\n"), 0o600))
	f, err := config.Load("", func(name string) (string, bool) { return "0123456789abcdef", name == "GATEWAY_ADMIN_TOKEN" })
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("ab", 32), f.MasterKey.Reveal())
	assert.Equal(t, "0123456789abcdef", f.AdminToken.Reveal())
	assert.Equal(t, "127.0.0.1:8080", f.Listen)
	assert.Equal(t, filepath.Join("gateway-data", "gateway.db"), f.DatabaseURL().Reveal())
	assert.False(t, f.SharedDatabase())
	assert.NotNil(t, f.PriceTable())

	_, err = config.Load("nowhere.yaml", noEnv)
	require.ErrorContains(t, err, "nowhere.yaml: it cannot be read")
}

func TestBothSpellingsOfProxies(t *testing.T) {
	f, err := load(t, "proxyUrl: socks5://u:p@127.0.0.1:1\nproxyFallbackToDirect: true\nproviders:\n  openai:\n    proxyUrl: direct\n    proxyFallbackToDirect: false\n"+
		account+"    proxyUrl: env\n    proxyFallbackToDirect: true\n", noEnv)
	require.NoError(t, err)
	assert.Equal(t, "socks5://u:p@127.0.0.1:1", f.Proxy.Reveal())
	assert.True(t, f.ProxyFallbackToDirect)
	assert.Equal(t, "direct", f.Providers["openai"].Proxy.Reveal())
	require.NotNil(t, f.Providers["openai"].ProxyFallbackToDirect)
	assert.False(t, *f.Providers["openai"].ProxyFallbackToDirect)
	assert.Equal(t, "env", f.Accounts[0].Proxy)
	assert.True(t, *f.Accounts[0].ProxyFallbackToDirect)
}

func TestMasterKeys(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("0a", 32), strings.Repeat("0A", 32) + "\n",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "__________________________________________8",
	} {
		key, err := config.ParseMasterKey(text)
		require.NoError(t, err, text)
		assert.Len(t, key, 32)
	}
	for _, text := range []string{"", "password", strings.Repeat("0a", 31), strings.Repeat("0a", 33), strings.Repeat("zz", 32)} {
		_, err := config.ParseMasterKey(text)
		assert.Error(t, err, text)
	}
}

func TestNoneIsNoneInTheLibraryToo(t *testing.T) {
	f, err := load(t, "timeouts: {connect: 0s, header: 1m}\nhealth_checks: {enabled: true, disable_after: 0}\n", noEnv)
	require.NoError(t, err)
	assert.Equal(t, resource.Duration(30*time.Minute), f.ConcurrencyTTL)
	tr := f.Transport()
	assert.Negative(t, tr.ConnectTimeout)
	assert.Equal(t, time.Minute, tr.HeaderTimeout)
	assert.Equal(t, 10*time.Minute, tr.BodyIdleTimeout)
	assert.Negative(t, f.Checks().DisableAfter)
	assert.Zero(t, config.Default().Checks(), "off")
	assert.Equal(t, -time.Duration(1), config.OrNone(resource.Duration(0)))
}

func TestWhatIsInFlightOutlastsLongTimeouts(t *testing.T) {
	f, err := load(t, "timeouts: {body_idle: 1h}", noEnv)
	require.NoError(t, err)
	assert.Equal(t, resource.Duration(2*time.Hour), f.ConcurrencyTTL)
}
