package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aitransport/aitransport/examples/gateway/dialect"
	"github.com/aitransport/aitransport/provider"
)

const (
	modelsFresh = 10 * time.Minute
	modelsAgain = time.Minute             // after a list that could not be had
	modelsWait  = 2500 * time.Millisecond // Claude Code waits for three seconds

	modelsTimeout  = 30 * time.Second // for one account's list
	modelsParallel = 8                // lists that are asked for at the same time
	modelsAlike    = 3                // accounts of one place that are asked: the others have the same, as a rule
)

// catalogue knows the models of accounts that do not say them. Its goroutines are the
// Server's.
type catalogue struct {
	s     *Server
	slots chan struct{}

	mu    sync.Mutex
	lists map[string]*modelList // by account
}

// modelList is what an account's provider has for it.
type modelList struct {
	models []provider.Model // the last that was had
	until  time.Time        // fresh
	asking chan struct{}    // closed when the question is answered; nil: nobody asks
	entry  *entry           // whose list it is
}

// forget drops the lists of accounts that are gone or have changed.
func (c *catalogue) forget(now *roster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, list := range c.lists {
		if now.entries[name] != list.entry {
			delete(c.lists, name)
		}
	}
}

// list is an account's models as they are known, and what to wait for where they are being
// asked for; nil: nothing.
func (c *catalogue) list(e *entry) (models []provider.Model, asking <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := e.from.Name
	list := c.lists[name]
	if list == nil || list.entry != e {
		list = &modelList{entry: e}
		if c.lists == nil {
			c.lists = make(map[string]*modelList)
		}
		c.lists[name] = list
	}
	if list.asking == nil && !time.Now().Before(list.until) {
		list.asking = make(chan struct{})
		c.s.beside.Go(func() { c.ask(name, list) })
	}
	if list.models != nil {
		return list.models, nil // stale ones are good enough while others are asked for
	}
	return nil, list.asking
}

// ask asks an account's provider.
func (c *catalogue) ask(name string, list *modelList) {
	ctx, cancel := context.WithTimeout(c.s.life, modelsTimeout)
	defer cancel()
	var models []provider.Model
	err := context.Canceled
	select {
	case c.slots <- struct{}{}:
		models, err = c.s.balancer.ListModels(ctx, name)
		<-c.slots
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	list.until = time.Now().Add(modelsAgain)
	if err == nil {
		list.models, list.until = models, time.Now().Add(modelsFresh)
	} else {
		c.s.log.LogAttrs(ctx, slog.LevelDebug, "Models not listed", slog.String("account", name), slog.Any("error", err))
	}
	close(list.asking)
	list.asking = nil
}

// models are those that a key may use by an API, sorted by id. Lists that do not come in
// time are left out.
func (s *Server) listModels(ctx context.Context, h *holder, group string, api dialect.API) []dialect.Model {
	r := s.roster.Load()
	var open []*entry
	found := make(map[string]dialect.Model)
	add := func(id, name, owner string) {
		if _, ok := found[id]; !ok && h.mayUse(id) {
			found[id] = dialect.Model{ID: id, Name: name, Owner: owner}
		}
	}
	for _, account := range r.order {
		e := r.entries[account]
		switch {
		case e.made.Disabled || e.made.Provider.API.Name != api.String() || group != "" && !slices.Contains(e.made.Groups, group):
			continue
		case len(e.made.Models) == 0:
			open = append(open, e)
		}
		for asked := range e.made.Models {
			if !strings.Contains(asked, "*") {
				add(asked, "", e.made.Provider.Vendor)
			} else if !slices.Contains(open, e) {
				open = append(open, e)
			}
		}
	}
	open = fewOfEach(open)
	for _, e := range open {
		s.models.list(e) // all are asked at the same time
	}
	for _, e := range open {
		for _, m := range s.models.wait(ctx, e) {
			if e.serves(m.ID) {
				add(m.ID, m.Name, e.made.Provider.Vendor)
			}
		}
	}
	models := make([]dialect.Model, 0, len(found))
	for _, m := range found {
		models = append(models, m)
	}
	slices.SortFunc(models, func(a, b dialect.Model) int { return strings.Compare(a.ID, b.ID) })
	return models
}

// wait is list, but for those who have no models yet: then the context bounds the waiting.
func (c *catalogue) wait(ctx context.Context, e *entry) []provider.Model {
	models, asking := c.list(e)
	if asking == nil {
		return models
	}
	select {
	case <-asking:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if list := c.lists[e.from.Name]; list != nil && list.entry == e {
		return list.models
	}
	return nil
}

// serves tells whether a model of the provider's own list can be asked for by its name.
func (e *entry) serves(id string) bool {
	if len(e.made.Models) == 0 {
		return true
	}
	best, sent := -1, ""
	for asked, as := range e.made.Models {
		if before, _, open := strings.Cut(asked, "*"); open && len(before) > best && matches(asked, id) {
			best, sent = len(before), as
		}
	}
	return best >= 0 && (sent == "" || sent == id || sent == "*")
}

// fewOfEach are the accounts without those whose place enough others have. Accounts that
// say what they serve are all kept.
func fewOfEach(entries []*entry) []*entry {
	count := make(map[string]int)
	return slices.DeleteFunc(entries, func(e *entry) bool {
		if len(e.made.Models) > 0 {
			return false
		}
		count[e.made.Provider.Name]++
		return count[e.made.Provider.Name] > modelsAlike
	})
}

// serveModels answers with the models that the key may use.
func (x *exchange) serveModels() *dialect.Problem {
	ctx, cancel := context.WithTimeout(x.r.Context(), modelsWait)
	defer cancel()
	models := x.s.listModels(ctx, x.key, x.group, x.route.API)
	var body []byte
	if x.route.Local == dialect.LocalModels {
		body = dialect.ModelPage(x.route.API, models, x.r.URL.Query())
	} else {
		i := slices.IndexFunc(models, func(m dialect.Model) bool { return m.ID == x.route.Model })
		if i < 0 {
			return &dialect.Problem{Code: dialect.CodeModelNotFound, Message: "There is no model " + shown(x.route.Model) + ", or this API key may not use it."}
		}
		body = dialect.ModelBody(x.route.API, models[i])
	}
	dialect.SetRequestID(x.w.Header(), x.route.API, x.id)
	x.answered, x.whole, x.status = true, true, http.StatusOK
	writeJSON(x.w, http.StatusOK, body)
	return nil
}
