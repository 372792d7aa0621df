package providertest

import (
	"bytes"
	"encoding/json"
	"strings"
)

// foreign finds an id of a file in a JSON body, in a member of that name at any
// depth, that the caller does not have.
func (c *call) foreign(name string) (id string, found bool) {
	if c.fields != nil || !bytes.Contains(c.body, []byte(`"`+name+`"`)) {
		return "", false
	}
	var body any
	if json.Unmarshal(c.body, &body) != nil {
		return "", false
	}
	for _, id := range named(body, name) {
		if uri := strings.LastIndex(id, "/files/"); uri >= 0 {
			id = id[uri+len("/files/"):]
		} else if strings.Contains(id, "://") {
			continue // elsewhere in the world
		}
		if _, _, ok := kept[storedFile](c, inFiles, id); !ok {
			return id, true
		}
	}
	return "", false
}

// named are the strings that stand in members of that name.
func named(v any, name string) []string {
	var out []string
	switch in := v.(type) {
	case map[string]any:
		for key, value := range in {
			if s, ok := value.(string); ok && key == name {
				out = append(out, s)
			}
			out = append(out, named(value, name)...)
		}
	case []any:
		for _, value := range in {
			out = append(out, named(value, name)...)
		}
	}
	return out
}
