package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/resource"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/transport"
)

// writtenColumns are those of an account that are given, accountColumns those that are
// told.
const (
	writtenColumns = "id,name,provider,base_url,enabled,secret,oauth,oauth_tokens,proxy_url,proxy_secret," +
		"proxy_fallback_to_direct,weight,priority,price_rate,header,details"
	accountColumns = writtenColumns + ",total_cost,daily_requests,daily_requests_date,rate_limit_reset_at," +
		"consecutive_error_count,created_at,updated_at"
)

// details are what of an account no query asks for.
type details struct {
	Groups   []string           `json:"groups,omitempty"`
	Models   map[string]string  `json:"models,omitempty"`
	Limits   []resource.Limit   `json:"limits,omitempty"`
	Schedule *resource.Schedule `json:"schedule,omitempty"`
	Health   *resource.Health   `json:"health,omitempty"`
}

// oauth is a resource.OAuth but for its tokens; it is encrypted.
type oauth struct {
	TokenURL     string            `json:"token_url"`
	ClientID     string            `json:"client_id,omitempty"`
	ClientSecret string            `json:"client_secret,omitempty"`
	Encoding     string            `json:"encoding,omitempty"`
	Scope        string            `json:"scope,omitempty"`
	Header       map[string]string `json:"header,omitempty"`
}

// accountRow are the values of writtenColumns, encrypted where they are secret.
func (db *DB) accountRow(a resource.Account) ([]any, error) {
	if err := checkAccount(a); err != nil {
		return nil, err
	}
	text, err := json.Marshal(details{a.Groups, a.Models, a.Limits, a.Schedule, a.Health})
	if err != nil {
		return nil, failed(err, "writing the account %q", a.Name)
	}
	config, tokens, err := db.sealOAuth(a)
	if err != nil {
		return nil, err
	}
	header := ""
	if len(a.Header) > 0 {
		if header, err = db.vault.sealJSON(a.Header, place(a.ID, "header")); err != nil {
			return nil, failed(err, "writing the account %q", a.Name)
		}
	}
	proxy, proxySecret := a.Proxy, ""
	if strings.ContainsRune(proxy, '@') {
		proxy, proxySecret = redacted(proxy), db.vault.seal(proxy, place(a.ID, "proxy_secret"))
	}
	fallback := sql.NullBool{}
	if a.ProxyFallbackToDirect != nil {
		fallback = sql.NullBool{Bool: *a.ProxyFallbackToDirect, Valid: true}
	}
	return []any{
		a.ID, a.Name, a.Provider, a.BaseURL, a.Enabled == nil || *a.Enabled, db.vault.seal(a.Secret.Reveal(), place(a.ID, "secret")),
		config, tokens, proxy, proxySecret, fallback, a.Weight, a.Priority, a.PriceRate, header, string(text),
	}, nil
}

func checkAccount(a resource.Account) error {
	if a.Name == "" {
		return fmt.Errorf("store: %w: an account needs a name", resource.ErrInvalid)
	}
	for _, column := range []struct {
		what, text string
		most       int
	}{
		{"an account's name", a.Name, 128}, {"an account's provider", a.Provider, 64},
		{"an account's base_url", a.BaseURL, 1024}, {"an account's proxy_url", a.Proxy, 512},
	} {
		if err := fits(column.what, column.text, column.most); err != nil {
			return err
		}
	}
	return nil
}

// redacted is a proxy's address without its password.
func redacted(raw string) string {
	proxy, err := transport.ParseProxy(raw)
	if err != nil {
		return "***"
	}
	return clean(proxy.String(), 512)
}

func (db *DB) sealOAuth(a resource.Account) (config, tokens string, err error) {
	o := a.OAuth
	if o == nil {
		return "", "", nil
	}
	config, err = db.vault.sealJSON(oauth{o.TokenURL, o.ClientID, o.ClientSecret.Reveal(), o.Encoding, o.Scope, o.Header}, place(a.ID, "oauth"))
	if err == nil {
		t := provider.OAuthTokens{AccessToken: o.AccessToken.Reveal(), RefreshToken: o.RefreshToken.Reveal(), Expiry: o.Expiry}
		tokens, err = db.vault.sealJSON(t, place(a.ID, "oauth_tokens"))
	}
	return config, tokens, failed(err, "writing the account %q", a.Name)
}

// scanAccount reads accountColumns and decrypts them.
func (db *DB) scanAccount(row interface{ Scan(...any) error }) (resource.Account, error) {
	var (
		a                                                      resource.Account
		enabled                                                bool
		fallback                                               sql.NullBool
		secret, config, tokens, proxySecret, header, text, day string
		reset, created, updated                                int64
	)
	err := row.Scan(&a.ID, &a.Name, &a.Provider, &a.BaseURL, &enabled, &secret, &config, &tokens, &a.Proxy, &proxySecret,
		&fallback, &a.Weight, &a.Priority, &a.PriceRate, &header, &text, &a.TotalCost, &a.DailyRequests, &day, &reset,
		&a.ConsecutiveErrors, &created, &updated)
	if err != nil {
		return resource.Account{}, failed(err, "reading an account")
	}
	a.Enabled = &enabled
	if fallback.Valid {
		a.ProxyFallbackToDirect = &fallback.Bool
	}
	if day != today() {
		a.DailyRequests = 0
	}
	a.RateLimitResetAt, a.CreatedAt, a.UpdatedAt = instant(reset), instant(created), instant(updated)
	var d details
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return resource.Account{}, failed(errDamaged, "reading the details of the account %q", a.Name)
	}
	a.Groups, a.Models, a.Limits, a.Schedule, a.Health = d.Groups, d.Models, d.Limits, d.Schedule, d.Health
	if err := db.openAccount(&a, secret, config, tokens, proxySecret, header); err != nil {
		return resource.Account{}, failed(err, "reading the secrets of the account %q", a.Name)
	}
	return a, nil
}

func (db *DB) openAccount(a *resource.Account, secret, config, tokens, proxySecret, header string) error {
	opened, err := db.vault.open(secret, place(a.ID, "secret"))
	if err != nil {
		return err
	}
	a.Secret = resource.NewSecret(opened)
	if proxySecret != "" {
		if a.Proxy, err = db.vault.open(proxySecret, place(a.ID, "proxy_secret")); err != nil {
			return err
		}
	}
	if err := db.vault.openJSON(header, place(a.ID, "header"), &a.Header); err != nil || config == "" {
		return err
	}
	var o oauth
	if err := db.vault.openJSON(config, place(a.ID, "oauth"), &o); err != nil {
		return err
	}
	var t provider.OAuthTokens
	if err := db.vault.openJSON(tokens, place(a.ID, "oauth_tokens"), &t); err != nil {
		return err
	}
	a.OAuth = &resource.OAuth{
		TokenURL: o.TokenURL, ClientID: o.ClientID, ClientSecret: resource.NewSecret(o.ClientSecret), Encoding: o.Encoding,
		Scope: o.Scope, Header: o.Header,
		RefreshToken: resource.NewSecret(t.RefreshToken), AccessToken: resource.NewSecret(t.AccessToken), Expiry: t.Expiry,
	}
	return nil
}

// assignments are columns = ?, parted by commas.
func assignments(columns string) string {
	return strings.ReplaceAll(columns, ",", " = ?, ") + " = ?"
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }
