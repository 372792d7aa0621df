package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxTokenAnswer bounds what is read of a token endpoint's answer
// (provider-facts 12.1).
const maxTokenAnswer = 1 << 20

// fields are those of one token request.
func (o *oauth) fields(ctx context.Context) (url.Values, error) {
	fields := url.Values{}
	for name, value := range o.cfg.Extra {
		fields.Set(name, value)
	}
	if o.cfg.Scope != "" {
		fields.Set("scope", o.cfg.Scope)
	}
	if o.cfg.ClientAuth == OAuthClientInBody {
		if o.cfg.ClientID != "" {
			fields.Set("client_id", o.cfg.ClientID)
		}
		if o.cfg.ClientSecret != "" {
			fields.Set("client_secret", o.cfg.ClientSecret)
		}
	}
	if o.cfg.Grant == nil {
		o.tokensMu.Lock()
		defer o.tokensMu.Unlock()
		fields.Set("grant_type", "refresh_token")
		fields.Set("refresh_token", o.tokens.RefreshToken)
		return fields, nil
	}
	grant, err := o.cfg.Grant(ctx)
	if err != nil {
		return nil, credentialFailure(o.source, fmt.Errorf("OAuthConfig.Grant failed: %w", err))
	}
	for name, values := range grant {
		fields[name] = values
	}
	return fields, nil
}

// exchange sends a token request and reads what is answered. No redirect is
// followed: a round tripper does not, and it would carry the refresh token along.
func (o *oauth) exchange(ctx context.Context, fields url.Values) (tokenAnswer, error) {
	mask := o.masking(fields)
	r, err := o.request(ctx, fields)
	if err != nil {
		return tokenAnswer{}, err
	}
	resp, err := CarrierFrom(ctx).RoundTrip(r)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) { // an http.Client's: it quotes the URL
			err = wrapped.Err
		}
		return tokenAnswer{}, credentialFailure(o.source, err)
	}
	if resp == nil || resp.Body == nil {
		return tokenAnswer{}, credentialFailure(o.source, errors.New("the transport returned neither an answer nor an error"))
	}
	defer func() { _ = resp.Body.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = resp.Body.Close() }) // ends a Read that waits
	defer stop()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer+1))
	if ctx.Err() != nil && err != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		e := credentialFailure(o.source, err)
		e.Status = resp.StatusCode
		return tokenAnswer{}, e
	}
	answer, failure := readTokenAnswer(resp, body, mask)
	if failure != nil {
		failure.Source = o.source
		return answer, failure // it may hold a refresh token
	}
	return answer, nil
}

// request is a token request.
func (o *oauth) request(ctx context.Context, fields url.Values) (*http.Request, error) {
	body, kind := fields.Encode(), "application/x-www-form-urlencoded"
	if o.cfg.Encoding == OAuthJSON {
		var err error
		if body, err = fieldsAsJSON(fields); err != nil {
			return nil, credentialFailure(o.source, err)
		}
		kind = "application/json"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.cfg.TokenURL, strings.NewReader(body))
	if err != nil { // NewOAuth has parsed the URL; the error would quote it
		return nil, credentialFailure(o.source, errors.New("no request can be made of OAuthConfig.TokenURL"))
	}
	for name, values := range o.cfg.Header {
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "identity") // the answer is read here
	if o.cfg.ClientAuth == OAuthClientBasic {
		r.SetBasicAuth(url.QueryEscape(o.cfg.ClientID), url.QueryEscape(o.cfg.ClientSecret)) // RFC 6749 2.3.1
	}
	return r, nil
}

// fieldsAsJSON writes fields as an object of strings; one that is there more than
// once becomes a list.
func fieldsAsJSON(fields url.Values) (string, error) {
	object := make(map[string]any, len(fields))
	for name, values := range fields {
		if len(values) == 1 {
			object[name] = values[0]
		} else {
			object[name] = values
		}
	}
	b, err := json.Marshal(object)
	return string(b), err
}

// openFields are those whose values an error may repeat.
var openFields = map[string]bool{"grant_type": true, "scope": true, "client_id": true}

// minMaskedField is the shortest value that is looked for in what an endpoint says:
// a shorter one is in every other word.
const minMaskedField = 6

// masking hides what was sent, and the tokens in use, in what an endpoint says of
// them.
func (o *oauth) masking(fields url.Values) func(string) string {
	var secrets []string
	for name, values := range fields {
		if !openFields[name] {
			secrets = append(secrets, values...)
		}
	}
	o.tokensMu.Lock()
	secrets = append(secrets, o.cfg.ClientSecret, o.tokens.AccessToken, o.tokens.RefreshToken)
	o.tokensMu.Unlock()
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may begin with another
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= minMaskedField {
			pairs = append(pairs, secret, hidden)
		}
	}
	return strings.NewReplacer(pairs...).Replace
}
