package dialect

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
)

// Model is one that a key may use.
type Model struct {
	ID    string
	Name  string // for people; "": the id
	Owner string // the vendor's name in the catalogue
}

// How many models a page has.
const (
	anthropicPage    = 20 // where the client does not say
	maxAnthropicPage = 1000
	geminiPage       = 50
	maxGeminiPage    = 1000
)

// epoch stands where an API tells when a model was made, which is not known here.
const epoch = "1970-01-01T00:00:00Z"

type openaiModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

type anthropicModel struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
	CreatedAt   string `json:"created_at"`
}

type geminiModel struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"displayName"`
	Methods     []string `json:"supportedGenerationMethods"`
}

// ModelBody is one model as the API tells it.
func ModelBody(api API, m Model) []byte { return marshal(shape(api, m)) }

func shape(api API, m Model) any {
	switch api {
	case Anthropic:
		return anthropicModel{"model", m.ID, cmp.Or(m.Name, m.ID), epoch}
	case Gemini:
		return geminiModel{"models/" + m.ID, cmp.Or(m.Name, m.ID), []string{"generateContent", "countTokens"}}
	}
	return openaiModel{m.ID, "model", 0, m.Owner}
}

// ModelPage is the page of a list of models that a query asks for, as the API tells it.
// The models are sorted by their ids.
func ModelPage(api API, models []Model, query url.Values) []byte {
	switch api {
	case Anthropic:
		return anthropicModels(models, query)
	case Gemini:
		return geminiModels(models, query)
	}
	return marshal(struct {
		Object string `json:"object"`
		Data   []any  `json:"data"`
	}{"list", shapes(OpenAI, models)})
}

func shapes(api API, models []Model) []any {
	all := make([]any, len(models))
	for i, m := range models {
		all[i] = shape(api, m)
	}
	return all
}

// from is the index of the first model after an id.
func from(models []Model, id string) int {
	i, found := slices.BinarySearchFunc(models, id, func(m Model, id string) int { return cmp.Compare(m.ID, id) })
	if found {
		i++
	}
	return i
}

// limit is a number of models that a query asks for.
func limit(text string, usual, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return usual
	}
	return min(n, most)
}

func anthropicModels(models []Model, query url.Values) []byte {
	n := limit(query.Get("limit"), anthropicPage, maxAnthropicPage)
	var more bool
	if before := query.Get("before_id"); before != "" && query.Get("after_id") == "" {
		i, _ := slices.BinarySearchFunc(models, before, func(m Model, id string) int { return cmp.Compare(m.ID, id) })
		more = i > n
		models = models[max(i-n, 0):i]
	} else {
		if after := query.Get("after_id"); after != "" {
			models = models[from(models, after):]
		}
		more = len(models) > n
		models = models[:min(n, len(models))]
	}
	page := struct {
		Data    []any   `json:"data"`
		HasMore bool    `json:"has_more"`
		First   *string `json:"first_id"`
		Last    *string `json:"last_id"`
	}{Data: shapes(Anthropic, models), HasMore: more}
	if len(models) > 0 {
		page.First, page.Last = &models[0].ID, &models[len(models)-1].ID
	}
	return marshal(page)
}

// geminiModels takes the last id of a page as the token of the next.
func geminiModels(models []Model, query url.Values) []byte {
	n := limit(query.Get("pageSize"), geminiPage, maxGeminiPage)
	if after := query.Get("pageToken"); after != "" {
		models = models[from(models, after):]
	}
	page := struct {
		Models []any  `json:"models"`
		Next   string `json:"nextPageToken,omitempty"`
	}{}
	if len(models) > n {
		models = models[:n]
		page.Next = models[n-1].ID
	}
	page.Models = shapes(Gemini, models)
	return marshal(page)
}
