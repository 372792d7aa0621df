package balancer_test

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/aitransport/aitransport/balancer"
	"github.com/aitransport/aitransport/provider"
	"github.com/aitransport/aitransport/provider/providertest"
)

// TestNoSecretIsReached goes by reflection through all that a request leaves in the
// caller's hands, as printers of deep values and debuggers' pages do.
func TestNoSecretIsReached(t *testing.T) {
	for name, change := range map[string]func(*balancer.Account){
		"secret": func(a *balancer.Account) { a.Secret = secretMark },
		"credential": func(a *balancer.Account) {
			a.Secret, a.Credential = "", provider.CredentialFunc(func(context.Context) (string, error) { return secretMark, nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := providertest.OpenAI(providertest.Config{})
			lb := newTransport(t, over(fake, account("only", change)))
			ctx, trail := balancer.WithTrail(t.Context())
			resp, err := lb.RoundTrip(newRequest(ctx, t, http.MethodPost, chatURL, chat))
			require.NoError(t, err)
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			require.Contains(t, fake.Hits()[0].Key, secretMark)
			for what, v := range map[string]any{"the answer's body": resp.Body, "the trail": trail, "the transport": lb} {
				seen := strings.Join(reach(reflect.ValueOf(v), make(map[reached]bool)), "\n")
				assert.NotEmpty(t, seen, what)
				assert.NotContains(t, seen, secretMark, what)
			}
		})
	}
}

type reached struct {
	at  uintptr
	typ reflect.Type
}

// reach returns the texts in a value of this project's types, however deep.
func reach(v reflect.Value, seen map[reached]bool) (texts []string) {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Pointer, reflect.Map:
		place := reached{v.Pointer(), v.Type()}
		if v.IsNil() || seen[place] {
			return nil
		}
		seen[place] = true
		if v.Kind() == reflect.Pointer {
			return reach(v.Elem(), seen)
		}
		for i := v.MapRange(); i.Next(); {
			texts = append(append(texts, reach(i.Key(), seen)...), reach(i.Value(), seen)...)
		}
	case reflect.Interface:
		return reach(v.Elem(), seen)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 && v.Kind() == reflect.Slice {
			return []string{string(v.Bytes())}
		}
		for i := range v.Len() {
			texts = append(texts, reach(v.Index(i), seen)...)
		}
	case reflect.Struct:
		if path := v.Type().PkgPath(); path != "" && !strings.Contains(path, "/aitransport/") || strings.HasSuffix(path, "test") {
			return nil
		}
		for i := range v.NumField() {
			texts = append(texts, reach(v.Field(i), seen)...)
		}
	}
	return texts
}
