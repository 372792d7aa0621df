package admin

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v4"
)

//go:embed openapi/*.yaml
var openapi embed.FS

// description is the OpenAPI description of the API: the files, put together, as JSON.
func description() ([]byte, error) {
	names, err := fs.Glob(openapi, "openapi/*.yaml")
	if err != nil {
		return nil, err
	}
	whole := map[string]any{}
	for _, name := range names {
		text, err := openapi.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var part map[string]any
		if err := yaml.Unmarshal(text, &part); err != nil {
			return nil, fmt.Errorf("admin: %s: %w", name, err)
		}
		if err := merge(whole, part, name); err != nil {
			return nil, err
		}
	}
	return json.Marshal(whole)
}

// merge puts one object into another; what stands in both has to be objects.
func merge(into, part map[string]any, at string) error {
	for name, value := range part {
		known, ok := into[name].(map[string]any)
		more, both := value.(map[string]any)
		switch {
		case into[name] == nil:
			into[name] = value
		case !ok || !both:
			return fmt.Errorf("admin: %s: %s stands in another file too", at, name)
		default:
			if err := merge(known, more, at+": "+name); err != nil {
				return err
			}
		}
	}
	return nil
}
