package provider

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"
)

// A Model is one entry of a provider's list of models.
type Model struct {
	ID   string `json:"id"`             // as requests name it; at most 512 bytes
	Name string `json:"name,omitempty"` // for people; "": none is given

	// Methods are what Gemini says can be done with it: generateContent,
	// embedContent. Nil: the list does not say.
	Methods []string `json:"methods,omitempty"`
}

// MaxModels is how many models a list may have; those known have far fewer.
const MaxModels = 10_000

const (
	maxModelID = 512
	maxPage    = 1 << 10 // bytes of the mark of a next page
	maxMethods = 32
)

// A modelList is how an API lists its models.
type modelList struct {
	api    string
	path   string // below the base
	root   bool   // below its host
	page   string // the query parameter that names a page; "": there is only one
	header map[string]string

	items, id, name, methods string // gjson paths: of the list, and within an item

	next func(root gjson.Result) string // the mark of the next page; nil: there is none
}

var modelLists = []modelList{
	{api: "openai", path: "/models", items: "data", id: "id"},
	{api: "anthropic", path: "/v1/models?limit=1000", page: "after_id", header: map[string]string{"Anthropic-Version": anthropicVersion},
		items: "data", id: "id", name: "display_name", next: anthropicNext},
	{api: "gemini", path: "/v1beta/models?pageSize=1000", page: "pageToken",
		items: "models", id: "name", name: "displayName", methods: "supportedGenerationMethods",
		next: func(root gjson.Result) string { return root.Get("nextPageToken").Str }},
	{api: "ollama", path: "/api/tags", root: true, items: "models", id: "name"},
}

func anthropicNext(root gjson.Result) string {
	if !root.Get("has_more").Bool() {
		return ""
	}
	return root.Get("last_id").Str
}

// ModelListAPI returns the name of the list that p has, for ParseModels: its
// API's, or "ollama" for a provider of that name. "": none that is known.
func ModelListAPI(p *Provider) string {
	if d := probeDialectOf(p); d != nil && d.name == "ollama" {
		return d.name
	}
	if p.API == nil {
		return ""
	}
	if _, ok := modelListOf(p.API.Name); !ok {
		return ""
	}
	return p.API.Name
}

func modelListOf(api string) (*modelList, bool) {
	for i := range modelLists {
		if modelLists[i].api == api {
			return &modelLists[i], true
		}
	}
	return nil, false
}

// ModelListProbe returns the probe that asks p for a page of its models: the
// first for "", else the one that ParseModels named. ok is false if no list is
// known for p.
func ModelListProbe(p *Provider, page string) (probe Probe, ok bool) {
	l, ok := modelListOf(ModelListAPI(p))
	if !ok {
		return Probe{}, false
	}
	probe = Probe{
		Name: "models", Path: l.path, Root: l.root, Header: l.header, Auth: AuthAccount, Cost: freeCount,
		Rules: listRules(l.items), Proves: provesKey, Credential: kindKey, Source: "provider-facts 3.2, 4.3, 5.2, 10",
	}
	if l.api == "openai" { // some servers send the bare array
		probe.Rules = listRules(l.items, "0."+l.id)
	}
	if page != "" && l.page != "" {
		mark := "?"
		if strings.Contains(l.path, "?") {
			mark = "&"
		}
		probe.Path += mark + l.page + "=" + url.QueryEscape(page)
	}
	return probe.clone(), true
}

// ParseModels reads one page of the list that API has: OpenAI's, Anthropic's,
// Gemini's, or Ollama's ("ollama"). Gemini's "models/" is cut off, since
// requests name the model without it. next is the mark of the page that
// follows; "": this was the last. Entries without an id, or with one longer
// than 512 bytes, are left out. The error is that of a page which is not such a
// list, or which has more than MaxModels.
func ParseModels(api string, body []byte) (models []Model, next string, err error) {
	l, ok := modelListOf(api)
	if !ok {
		return nil, "", fmt.Errorf("provider: no list of models is known for the API %.32q: %w", api, errors.ErrUnsupported)
	}
	body = trimHead(body)
	if !ValidJSON(body) {
		return nil, "", errors.New("provider: the list of models is not JSON, or was cut short")
	}
	root := gjson.ParseBytes(body)
	items := root.Get(l.items)
	if api == "openai" && root.IsArray() { // some servers send the bare array
		items = root
	}
	switch {
	case items.IsArray():
	case items.Exists() && items.Type == gjson.Null, api == "gemini" && root.IsObject() && len(root.Map()) == 0: // Google leaves out what is empty
		return nil, "", nil
	default:
		return nil, "", fmt.Errorf("provider: the list of models has no %q, as that of %s has", l.items, l.api)
	}
	items.ForEach(func(_, item gjson.Result) bool {
		if m, ok := l.model(item); ok {
			models = append(models, m)
		}
		return len(models) <= MaxModels
	})
	if len(models) > MaxModels {
		return nil, "", fmt.Errorf("provider: the list of models has more than %d", MaxModels)
	}
	if l.next == nil {
		return models, "", nil
	}
	if next = l.next(root); len(next) > maxPage {
		return nil, "", fmt.Errorf("provider: the list of models names a next page in more than %d bytes", maxPage)
	}
	return models, next, nil
}

func (l *modelList) model(item gjson.Result) (Model, bool) {
	m := Model{ID: strings.TrimPrefix(item.Get(l.id).Str, "models/")}
	if m.ID == "" || len(m.ID) > maxModelID {
		return Model{}, false
	}
	m.ID = strings.Clone(m.ID) // not the whole page
	if l.name != "" {
		m.Name = strings.Clone(head(item.Get(l.name).Str, maxModelID))
	}
	if l.methods != "" {
		item.Get(l.methods).ForEach(func(_, method gjson.Result) bool {
			m.Methods = append(m.Methods, strings.Clone(head(method.Str, maxModelID)))
			return len(m.Methods) < maxMethods
		})
	}
	return m, true
}
