package config

import _ "embed" // for Example

// Example is a configuration with every field, its default and what it means. It loads
// as it stands, and is then what Default is. What has no default is commented out: a
// line that begins with # and no space is a field, one that begins with # and a space
// is about it.
//
//go:embed gateway.example.yaml
var Example string
