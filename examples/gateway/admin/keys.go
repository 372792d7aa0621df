package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

var keyOperations = []operation{
	{method: "GET", path: "/keys", name: "listKeys", query: []string{"limit", "cursor", "user_id"}, do: (*api).listKeys},
	{method: "POST", path: "/keys", name: "createKey", do: (*api).createKey},
	{method: "GET", path: "/keys/{id}", name: "getKey", do: (*api).getKey},
	{method: "PATCH", path: "/keys/{id}", name: "changeKey", do: (*api).changeKey},
	{method: "DELETE", path: "/keys/{id}", name: "deleteKey", do: (*api).deleteKey},
	{method: "POST", path: "/keys/{id}/enable", name: "enableKey", do: func(a *api, c *call) (any, error) { return a.switchKey(c, true) }},
	{method: "POST", path: "/keys/{id}/disable", name: "disableKey", do: func(a *api, c *call) (any, error) { return a.switchKey(c, false) }},
	{method: "POST", path: "/keys/{id}/rotate", name: "rotateKey", do: (*api).rotateKey},
	{method: "GET", path: "/keys/{id}/usage", name: "getKeyUsage", do: (*api).keyUsage},
	{method: "POST", path: "/keys/{id}/usage/reset", name: "resetKeyUsage", do: (*api).resetKeyUsage},
	{method: "POST", path: "/keys/{id}/usage/grant", name: "grantKeyUsage", do: (*api).grantKeyUsage},
}

// newKey is a key with its secret, which is told this once.
type newKey struct {
	Key    resource.Key `json:"key"`
	Secret string       `json:"secret"`
}

// keySecret makes a secret, and what is kept of it.
func keySecret(k *resource.Key) (secret string) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails
	secret = "gw-" + base64.RawURLEncoding.EncodeToString(raw[:])
	sum := sha256.Sum256([]byte(secret))
	k.Hash = hex.EncodeToString(sum[:])
	k.Hint = secret[:6] + "…" + secret[len(secret)-3:]
	return secret
}

// shownKey is a key as it is told.
func shownKey(k resource.Key) resource.Key {
	enabled := k.Enabled == nil || *k.Enabled
	k.Enabled = &enabled
	return k
}

// key is that of an id, of the configuration or the store.
func (a *api) key(ctx context.Context, id string) (resource.Key, error) {
	if i := slices.IndexFunc(a.Keys, func(k resource.Key) bool { return k.ID == id }); i >= 0 {
		return a.Keys[i], nil
	}
	k, err := a.Store.KeyByID(ctx, id)
	if errors.Is(err, resource.ErrNotFound) {
		return k, notFound("key")
	}
	return k, err
}

// ownKey is a key that can be changed here.
func (a *api) ownKey(ctx context.Context, id string) (resource.Key, error) {
	k, err := a.key(ctx, id)
	if err == nil && k.FromFile {
		err = conflict(codeFromFile, "The key %q stands in the configuration file: change it there and start the gateway again.", k.Name)
	}
	return k, err
}

// filed tells whether a key of the configuration has a name: the store, which sees to it
// that its own have different ones, does not know those.
func (a *api) filed(name string) bool {
	return slices.ContainsFunc(a.Keys, func(k resource.Key) bool { return k.Name == name })
}

func keyNameTaken() *problem {
	p := conflict(codeNameTaken, "Another key has that name: write one that no other has.")
	p.Field = "name"
	return p
}

// listKeys lists the keys of the configuration, and then those of the store.
func (a *api) listKeys(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	after, err := c.after("keys")
	if err != nil {
		return nil, err
	}
	answer := page[resource.Key]{Data: []resource.Key{}}
	of, stored := strings.CutPrefix(after, "stored ")
	if !stored {
		from, _ := strconv.Atoi(after) // "": the first page
		for i := from; i < len(a.Keys); i++ {
			if user := c.query["user_id"]; user != "" && a.Keys[i].UserID != user {
				continue
			}
			if len(answer.Data) == limit {
				answer.Next = cursor("keys", strconv.Itoa(i))
				return answer, nil
			}
			answer.Data = append(answer.Data, shownKey(a.Keys[i]))
		}
		if of = ""; len(answer.Data) == limit {
			answer.Next = cursor("keys", "stored ")
			return answer, nil
		}
	}
	keys, next, err := a.Store.ListKeys(c.r.Context(), resource.KeyFilter{UserID: c.query["user_id"], Cursor: of, Limit: limit - len(answer.Data)})
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		answer.Data = append(answer.Data, shownKey(k))
	}
	if next != "" {
		answer.Next = cursor("keys", "stored "+next)
	}
	return answer, nil
}

func (a *api) getKey(c *call) (any, error) {
	k, err := a.key(c.r.Context(), c.subject)
	if err != nil {
		return nil, err
	}
	return shownKey(k), nil
}

func (a *api) createKey(c *call) (any, error) {
	var in keyInput
	if err := c.input(&in, false); err != nil {
		return nil, err
	}
	var k resource.Key
	in.apply(&k)
	if err := validKey(&k); err != nil {
		return nil, err
	}
	if a.filed(k.Name) {
		return nil, keyNameTaken()
	}
	secret := keySecret(&k)
	k, err := a.Store.CreateKey(c.r.Context(), k)
	if errors.Is(err, resource.ErrNameTaken) {
		return nil, keyNameTaken()
	}
	if err != nil {
		return nil, err
	}
	c.subject, c.status = k.ID, http.StatusCreated
	a.Gateway.Forget(k.Hash)
	c.w.Header().Set("Location", prefix+"/keys/"+k.ID)
	return newKey{shownKey(k), secret}, nil
}

func (a *api) changeKey(c *call) (any, error) {
	var in keyInput
	if err := c.input(&in, false); err != nil {
		return nil, err
	}
	k, err := a.alter(c, in.apply)
	if err != nil {
		return nil, err
	}
	return shownKey(k), nil
}

func (a *api) switchKey(c *call, on bool) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	k, err := a.alter(c, func(k *resource.Key) { k.Enabled = &on })
	if err != nil {
		return nil, err
	}
	return shownKey(k), nil
}

// rotateKey gives a key another secret. The one it had is not accepted any more.
func (a *api) rotateKey(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	var secret string
	k, err := a.alter(c, func(k *resource.Key) { secret = keySecret(k) })
	if err != nil {
		return nil, err
	}
	return newKey{shownKey(k), secret}, nil
}

// alter changes a key as f does, also where somebody else changes another part of it at
// the same time.
func (a *api) alter(c *call, f func(*resource.Key)) (resource.Key, error) {
	ctx := c.r.Context()
	for try := 1; ; try++ {
		before, err := a.ownKey(ctx, c.subject)
		if err != nil {
			return resource.Key{}, err
		}
		k := before
		f(&k)
		if err := validKey(&k); err != nil {
			return resource.Key{}, err
		}
		if k.Name != before.Name && a.filed(k.Name) {
			return resource.Key{}, keyNameTaken()
		}
		k, err = a.Store.UpdateKey(ctx, k)
		switch {
		case errors.Is(err, resource.ErrNameTaken):
			return resource.Key{}, keyNameTaken()
		case errors.Is(err, resource.ErrConflict) && try < changes:
			continue
		}
		if err != nil {
			return resource.Key{}, err
		}
		a.Gateway.Forget(before.Hash)
		if k.Hash != before.Hash {
			a.Gateway.Forget(k.Hash)
		}
		return k, nil
	}
}

func (a *api) deleteKey(c *call) (any, error) {
	if err := c.nothing(); err != nil {
		return nil, err
	}
	ctx := c.r.Context()
	k, err := a.ownKey(ctx, c.subject)
	if err != nil {
		return nil, err
	}
	if err := a.Store.DeleteKey(ctx, k.ID); err != nil {
		return nil, err
	}
	a.Gateway.Forget(k.Hash)
	return nil, nil
}
