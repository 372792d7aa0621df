package config

import "strings"

// withoutIt is what happens without a field that has to say something where it stands: an
// empty one is a variable that was forgotten as a rule, and not meant to be that.
var withoutIt = map[string]string{
	"listen":      "127.0.0.1:8080",
	"database":    "SQLite in data_dir",
	"redis":       "no Redis",
	"master_key":  "a key in data_dir",
	"admin_token": "a token that is made at the first start",
}

// emptyByMistake is what to write in place of an empty value; "": it may be empty. Who
// writes ${NAME:-} says that it may.
func emptyByMistake(field, written, value string) (complaint string) {
	without, ok := withoutIt[field]
	if !ok || strings.TrimSpace(value) != "" || strings.Contains(written, ":-}") {
		return ""
	}
	complaint = "it is empty: write a value, or remove the line for " + without
	if strings.Contains(written, "${") {
		complaint += "; ${NAME:-} says that it may be empty"
	}
	return complaint
}
