package providertest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const maxBody = 64 << 20 // of a call's body

// protocol is what one provider does in its own way. Implementations have no
// state.
type protocol interface {
	name() string
	// credential is the one that counts in a call; a refusal other than
	// kindNone is an error whatever keys are accepted.
	credential(h http.Header, q url.Values) (key string, refusal kind)
	// route finds out what the path asks for, and by which method.
	route(c *call) (operation, string)
	// inspect reads the rest of the call: model, stream, and what is wrong.
	inspect(c *call)
	// fail is the answer that tells an error.
	fail(c *call, e fault) reply
	// failInside is the event that tells an error inside a stream, after so
	// many others.
	failInside(c *call, s Step, sent int) event
	// answer is the normal one.
	answer(c *call) answer
}

// call is one call as read, and what an answer to it needs to know.
type call struct {
	*Config
	method, path string
	header       http.Header
	query        url.Values
	body         []byte
	base         string // the URL without its path
	key          string
	refusal      kind // of the credential; kindNone: it is accepted

	op      operation
	allow   string // the method that the path wants
	model   string
	stream  bool
	problem kind   // what is wrong with the call; kindNone: nothing
	blocked bool   // to be refused by an answer that is no error
	broke   bool   // the account is out of money, and the answer says so
	open    bool   // no credential is asked for
	bulk    int    // bytes that a picture, a sound or a compaction has at least
	echo    string // of the request, in a response; "": none
	form    form
	members map[string]json.RawMessage // of a JSON body, once they are asked for
	fields  url.Values                 // of a multipart body; nil: it is none
	files   map[string]upload
	number  int // from 1
	line    int // of a batch, from 1; 0: the call is no part of one
	at      time.Time

	object string // the id in the path, or of what is missing
	shelf  *shelf

	lacks            string // the collection in which it is missing
	param, complaint string // of kindBadField
}

// form is what fakes look at in the bodies of calls, of all providers.
type form struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	Prompt             json.RawMessage `json:"prompt"`
	PreviousResponseID string          `json:"previous_response_id"`
	Input              json.RawMessage `json:"input"`
	EncodingFormat     string          `json:"encoding_format"`
	Dimensions         int             `json:"dimensions"`
	CachedContent      string          `json:"cachedContent"`
}

// receive reads a call to its end.
func (f *Fake) receive(r *http.Request) *call {
	c := &call{
		Config: &f.config, shelf: &f.shelf, method: r.Method, path: r.URL.Path, base: base(r),
		header: r.Header, query: r.URL.Query(), at: time.Now(),
	}
	c.checkKey(f.protocol.credential(c.header, c.query))
	var err error
	if r.Body != nil {
		c.body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	}
	c.op, c.allow = f.protocol.route(c)
	if c.open {
		c.refusal = kindNone
	}
	switch {
	case c.op == opUnknown:
		c.problem = kindUnknownPath
		c.read(takesJSON | takesForm)
		c.stream = c.form.Stream
	case c.method != c.allow:
		c.problem = kindWrongMethod
	case err != nil:
		c.problem = kindBrokenBody
	case len(c.body) > maxBody:
		c.problem = kindTooLarge
	default:
		f.protocol.inspect(c)
	}
	return c
}

// checkKey takes a credential, and its refusal if it is none that counts here.
func (c *call) checkKey(key string, refusal kind) {
	c.key, c.refusal = key, refusal
	switch {
	case refusal != kindNone:
	case key == "":
		c.refusal = kindNoCredential
	case !c.accepts(key):
		c.refusal = kindUnauthorized
	}
}

// base is the URL that a call came to, without its path.
func base(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// decode reads a JSON body as far as it goes, and tells whether it could be.
func (c *call) decode() bool {
	err := json.Unmarshal(c.body, &c.form)
	if c.model == "" {
		c.model = c.form.Model
	}
	return err == nil
}

// checkModel finds fault with a model that is missing or not served.
func (c *call) checkModel() {
	switch {
	case c.problem != kindNone:
	case c.model == "":
		c.problem = kindNoModel
	case !c.serves(c.model):
		c.problem = kindModelNotFound
	}
}

// id makes one for something in the answer: prefix, fake, number of the call,
// and of the line if the call stands in a batch.
func (c *call) id(prefix string) string {
	id := prefix + c.Name + "_" + strconv.Itoa(c.number)
	if c.line > 0 {
		id += "_" + strconv.Itoa(c.line)
	}
	return id
}

// inside answers a call that stands in a batch, with the credential and the
// headers of the batch. What it would keep is not kept.
func (c *call) inside(p protocol, path string, body []byte, line int) reply {
	in := &call{
		Config: c.Config, shelf: c.shelf, method: http.MethodPost, path: path, base: c.base,
		header: c.header, body: body, key: c.key, number: c.number, line: line, at: c.at,
	}
	in.op, in.allow = p.route(in)
	if in.op == opUnknown {
		return p.fail(in, fault{kind: kindUnknownPath})
	}
	p.inspect(in)
	in.stream = false
	if in.problem != kindNone {
		return p.fail(in, fault{kind: in.problem})
	}
	a := p.answer(in)
	if a.problem != kindNone {
		return p.fail(in, fault{kind: a.problem})
	}
	return a.whole()
}

// hit is the call as a record.
func (c *call) hit(r *http.Request) *Hit {
	return &Hit{
		Method: c.method, Path: c.path, RawQuery: r.URL.RawQuery, Host: r.Host,
		Operation: string(c.op), Model: c.model, Stream: c.stream, Key: c.key, Fields: c.hitFields(),
		Credentials: credentials(r), Header: c.header.Clone(),
		ContentLength: r.ContentLength,
		Body:          append([]byte(nil), c.body[:min(len(c.body), maxHitBody)]...),
	}
}

// seconds is a wait as providers put it in words: 45.5s.
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// wholeSeconds is a wait as a retry-after header has it: rounded up.
func wholeSeconds(d time.Duration) string {
	n := int64(d / time.Second)
	if d%time.Second > 0 {
		n++
	}
	return strconv.FormatInt(n, 10)
}
