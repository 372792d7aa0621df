package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/joho/godotenv"
)

const (
	maxFileValue = 64 << 10 // bytes of a file: value, and of a .env file
	maxText      = 64 << 10 // bytes of a text once ${…} has been replaced
)

// lookup finds a variable: in the environment, else in a .env file.
type lookup func(name string) (string, bool)

// withDotEnv reads the .env file beside the configuration, or where there is none (or no
// configuration) that of the working folder. What it says never goes before env.
func withDotEnv(path string, env lookup, wrong *problems) (lookup, map[string]string) {
	places := []string{".env"}
	if path != "" {
		places = []string{filepath.Join(filepath.Dir(path), ".env"), ".env"}
	}
	for _, place := range places {
		text, err := readBounded(place, maxFileValue)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			wrong.add(Problem{File: place, Message: fmt.Sprintf("it cannot be read (%v): make it readable, or remove it", cause(err))})
			break
		}
		more, err := godotenv.Parse(bytes.NewReader(text))
		if err != nil { // which quotes what it could not read
			wrong.add(Problem{File: place, Line: badLine(text), Message: "it cannot be understood: write NAME=value on each line, the value in 'single quotes' if it has any sign but letters and digits"})
			break
		}
		return func(name string) (string, bool) {
			if v, ok := env(name); ok {
				return v, true
			}
			v, ok := more[name]
			return v, ok
		}, more
	}
	return env, nil
}

// badLine is the first line that does not stand by itself.
func badLine(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if _, err := godotenv.UnmarshalBytes(line); err != nil {
			return n
		}
	}
	return 0
}

// readBounded reads a file, if it is one: opening a pipe could wait for ever.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no regular file")
	}
	f, err := os.Open(path) //nolint:gosec // a path of the operator's own
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is longer than %v", Size(limit))
	}
	return text, err
}

// cause is an error without the path, which may hold what a variable said.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// expand replaces ${NAME} and ${NAME:-text}, and file:path by what the file holds. The
// complaint is for people and quotes nothing but names of variables.
func expand(text, dir string, env lookup) (value, complaint string) {
	path, isFile := strings.CutPrefix(text, "file:")
	if isFile {
		text = path
	}
	value, complaint = expandVariables(text, env)
	if complaint != "" || !isFile {
		return value, complaint
	}
	if value == "" {
		return "", "file: names no file: write file:/path/to/it"
	}
	if !filepath.IsAbs(value) {
		value = filepath.Join(dir, value)
	}
	content, err := readBounded(value, maxFileValue)
	if err != nil {
		return "", fmt.Sprintf("the file that it names cannot be read (%v): make it one that the gateway may read, of at most %v", cause(err), Size(maxFileValue))
	}
	content = bytes.TrimSuffix(content, []byte("\n"))
	return string(bytes.TrimSuffix(content, []byte("\r"))), ""
}

func expandVariables(text string, env lookup) (value, complaint string) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		escaped := found && strings.HasSuffix(before, "$")
		switch {
		case !found:
			b.WriteString(text)
			return b.String(), ""
		case escaped:
			b.WriteString(before + "{")
			text = rest
			continue
		}
		inner, after, closed := strings.Cut(rest, "}")
		name, otherwise, hasDefault := strings.Cut(inner, ":-")
		if !closed || !isName(name) {
			return "", "${ begins no variable: write ${NAME} or ${NAME:-text}, or $${ for those two signs"
		}
		v, ok := env(name)
		if !ok && !hasDefault {
			return "", fmt.Sprintf("the variable %s is not set: set it in the environment or in .env, or write ${%s:-text} for when it is not", name, name)
		}
		if v == "" && hasDefault {
			v = otherwise
		}
		b.WriteString(before + v)
		if b.Len() > maxText {
			return "", fmt.Sprintf("with its variables it is longer than %v: make it shorter", Size(maxText))
		}
		text = after
	}
}

// isName tells whether it can be the name of a variable.
func isName(s string) bool {
	if s == "" || len(s) > 128 || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}
