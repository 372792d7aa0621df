package providertest

import (
	"net/http"
	"strconv"
	"strings"
)

// storedResponse is a response as its account can have it again.
type storedResponse struct {
	work
	background              bool
	queued, done, cancelled object
	events                  []event
}

// size is what it takes, roughly: the events say everything.
func (s storedResponse) size() int {
	n := 0
	for _, e := range s.events {
		n += 2 * len(e.data)
	}
	return n
}

// body is the response in the state that it has by now.
func (s storedResponse) body(c *call) object {
	switch {
	case !s.background:
		return s.done
	case !s.stopped.IsZero():
		return s.cancelled
	case s.ended(c.at):
		return s.done
	}
	return s.queued
}

// storedResponses shows a response again, as a stream too, forgets it, or stops
// it if it is in the background.
func storedResponses(c *call, h http.Header) answer {
	s, it, ok := kept[storedResponse](c, inResponses, c.object)
	if !ok {
		return c.lack(inResponses, c.object)
	}
	switch c.op {
	case opResponseDelete:
		return answer{header: h, body: object{{"id", it.id}, {"object", "response"}, {"deleted", true}}, drop: it}
	case opResponseCancel:
		if !s.background {
			return answer{problem: kindNotBackground}
		}
		s.work = s.stop(c.at)
		return answer{header: h, body: s.body(c), keep: []*item{it.with(s)}}
	}
	events := s.events
	if after, err := strconv.Atoi(c.query.Get("starting_after")); err == nil {
		events = events[min(max(after+1, 0), len(events)):]
	}
	return answer{header: h, body: s.body(c), events: events, framing: serverSent}
}

// compaction is a conversation made shorter, in one item that only OpenAI reads.
func compaction(c *call, h http.Header) answer {
	return answer{header: h, body: object{
		{"id", c.id("resp_")}, {"object", "response.compaction"}, {"created_at", c.at.Unix()},
		{"output", list{object{{"id", c.id("cmp_")}, {"type", "compaction"}, {"encrypted_content", "gAAAAfake" + strings.Repeat("x", c.bulk)}}}},
		{"usage", responseUsage(c)},
	}}
}
