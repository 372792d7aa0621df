package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/aitransport/aitransport/examples/gateway/resource"
)

const maxConfig = 4 << 20 // bytes of a configuration

// Load reads a configuration; "" is none, and so Default with what the environment and
// the .env file in the working folder say. env looks variables up, as os.LookupEnv does;
// they go before those of .env.
//
// GATEWAY_MASTER_KEY and GATEWAY_ADMIN_TOKEN stand for master_key and admin_token where
// the file does not say those.
//
// Where something is wrong the error is an *Error with all of it.
func Load(path string, env func(name string) (string, bool)) (*File, error) {
	wrong := &problems{}
	find, fromFile := withDotEnv(path, env, wrong)
	d := &decoder{file: path, dir: filepath.Dir(path), env: find, wrong: wrong, lines: make(map[string]int), refused: make(map[string]bool)}
	if path == "" {
		d.file = "no configuration"
	}
	f := Default()
	f.dotEnv = func(name string) (string, bool) { v, ok := fromFile[name]; return v, ok }
	whole := path == "" || d.read(path, f)
	d.fromEnvironment(&f.MasterKey, "GATEWAY_MASTER_KEY")
	d.fromEnvironment(&f.AdminToken, "GATEWAY_ADMIN_TOKEN")
	if whole {
		d.check(f)
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	f.path, f.lines = d.file, d.lines
	f.complete()
	return f, nil
}

// read puts a file into f, and tells whether there is anything to look at.
func (d *decoder) read(path string, f *File) bool {
	text, err := readBounded(path, maxConfig)
	if err != nil {
		d.wrong.add(Problem{File: path, Message: fmt.Sprintf("it cannot be read (%v): `gateway example` prints one to begin with", cause(err))})
		return false
	}
	var documents []yaml.Node
	if err := yaml.Load(text, &documents, yaml.WithAllDocuments()); err != nil {
		d.syntax(err)
		return false
	}
	switch {
	case len(documents) == 0 || len(documents[0].Content) == 0:
		return true
	case len(documents) > 1:
		d.failAt(&documents[1], "", "a second document begins here: keep one, without ---")
		return false
	}
	d.value(documents[0].Content[0], reflect.ValueOf(f).Elem(), "", 0)
	return true
}

// syntax says what is no YAML. Anchors are values' names: their texts are not quoted.
func (d *decoder) syntax(err error) {
	p := Problem{File: d.file, Message: "it is no YAML"}
	var found *yaml.LoadError
	if errors.As(err, &found) {
		p.Line = found.Mark.Line
		switch found.Stage {
		case yaml.ScannerStage, yaml.ParserStage:
			p.Message += ": " + found.Message
			if found.ContextMsg != "" {
				p.Message += " " + found.ContextMsg
			}
		case yaml.ComposerStage:
			p.Message += ": an alias names nothing that stands above it: put a value that begins with * into quotes"
		case yaml.ReaderStage:
			p.Message += ": a sign is not allowed in it: save it as UTF-8"
		}
	}
	d.wrong.add(p)
}

func (d *decoder) fromEnvironment(to *resource.Secret, name string) {
	if v, ok := d.env(name); ok && to.IsZero() {
		*to = resource.NewSecret(v)
	}
}

// complete puts in what follows from the rest.
func (f *File) complete() {
	for i := range f.Accounts {
		f.Accounts[i].FromFile = true
	}
	for i := range f.Keys {
		f.Keys[i].complete()
	}
}
