package admin

import (
	"github.com/aitransport/aitransport/examples/gateway/resource"
)

var recordOperations = []operation{
	{method: "GET", path: "/requests", name: "listRequests", query: []string{"limit", "cursor", "user_id", "key_id", "account", "model", "status", "since", "until"}, do: (*api).listRequests},
	{method: "GET", path: "/requests/{id}", name: "getRequest", do: (*api).getRequest},
	{method: "GET", path: "/usage", name: "listUsage", query: []string{"limit", "user_id", "key_id", "model", "from", "to"}, do: (*api).listUsage},
	{method: "GET", path: "/usage/accounts", name: "listAccountUsage", query: []string{"limit", "account", "from", "to"}, do: (*api).listAccountUsage},
}

// maxUsage is how many rows of usage are told at once.
const maxUsage = 100 * resource.MaxPage

func (a *api) listRequests(c *call) (any, error) {
	f := resource.RequestFilter{UserID: c.query["user_id"], KeyID: c.query["key_id"], Account: c.query["account"], Model: c.query["model"]}
	var err error
	if f.Status, err = c.status100(); err != nil {
		return nil, err
	}
	if f.Since, err = c.time("since"); err != nil {
		return nil, err
	}
	if f.Until, err = c.time("until"); err != nil {
		return nil, err
	}
	if f.Limit, err = c.limit(); err != nil {
		return nil, err
	}
	if f.Cursor, err = c.after("requests"); err != nil {
		return nil, err
	}
	requests, next, err := a.Store.Requests(c.r.Context(), f)
	if err != nil {
		return nil, err
	}
	answer := page[resource.Request]{Data: append([]resource.Request{}, requests...)}
	if next != "" {
		answer.Next = cursor("requests", next)
	}
	return answer, nil
}

// status100 is a status to look for: 404, or 4 and 4xx for 400 to 499.
func (c *call) status100() (int, error) {
	text, ok := c.query["status"]
	if !ok {
		return 0, nil
	}
	if len(text) == 3 && text[1:] == "xx" {
		text = text[:1]
	}
	c.query["status"] = text
	n, err := c.number("status", 1, 599)
	if err == nil && n > 5 && n < 100 {
		err = invalid("status", "")
	}
	if err != nil {
		return 0, invalid("status", "Write a status as in 404, or 4xx for 400 to 499.")
	}
	return n, nil
}

func (a *api) getRequest(c *call) (any, error) {
	requests, _, err := a.Store.Requests(c.r.Context(), resource.RequestFilter{ID: c.subject, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(requests) == 0 {
		return nil, notFound("request")
	}
	return requests[0], nil
}

// usageAnswer is what was used, by day, and what that comes to.
type usageAnswer[T, S any] struct {
	Data  []T  `json:"data"`
	Total S    `json:"total"` // of data
	More  bool `json:"more"`  // there may be more rows than limit: data and total are not all
}

// usageTotal is the sum of rows. Money is in nano-USD.
type usageTotal struct {
	Requests     int64 `json:"requests"`
	InputTokens  int64 `json:"input_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	Cost         int64 `json:"cost"`
	Charged      int64 `json:"charged"`
}

// usageFilter reads what the two lists of usage have in common.
func (c *call) usageFilter() (f resource.UsageFilter, err error) {
	if f.From, err = c.day("from"); err != nil {
		return f, err
	}
	if f.To, err = c.day("to"); err != nil {
		return f, err
	}
	if f.Limit, err = c.number("limit", 1, maxUsage); f.Limit == 0 {
		f.Limit = resource.MaxPage
	}
	return f, err
}

func (a *api) listUsage(c *call) (any, error) {
	f, err := c.usageFilter()
	if err != nil {
		return nil, err
	}
	f.UserID, f.KeyID, f.Model = c.query["user_id"], c.query["key_id"], c.query["model"]
	days, err := a.Store.DailyUsage(c.r.Context(), f)
	if err != nil {
		return nil, err
	}
	answer := usageAnswer[resource.DailyUsage, usageTotal]{Data: append([]resource.DailyUsage{}, days...), More: len(days) >= f.Limit}
	for _, d := range days {
		answer.Total.Requests += d.Requests
		answer.Total.InputTokens += d.InputTokens
		answer.Total.OutputTokens += d.OutputTokens
		answer.Total.Cost += d.Cost
		answer.Total.Charged += d.Charged
	}
	return answer, nil
}

// accountTotal is the sum of rows.
type accountTotal struct {
	Attempts int64 `json:"attempts"`
	Cost     int64 `json:"cost"`
}

func (a *api) listAccountUsage(c *call) (any, error) {
	f, err := c.usageFilter()
	if err != nil {
		return nil, err
	}
	days, err := a.Store.AccountUsage(c.r.Context(), c.query["account"], f)
	if err != nil {
		return nil, err
	}
	answer := usageAnswer[resource.AccountUsage, accountTotal]{Data: append([]resource.AccountUsage{}, days...), More: len(days) >= f.Limit}
	for _, d := range days {
		answer.Total.Attempts += d.Attempts
		answer.Total.Cost += d.Cost
	}
	return answer, nil
}
