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

// operation is what a call asks for.
type operation uint8

const (
	opUnknown operation = iota
	opChat
	opResponses
	opEmbeddings
	opModels
	opModel
	opMessages
	opGenerate
	opCountTokens
)

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
	echo    string // of the request, in a response; "": none
	form    form
	number  int // from 1
	at      time.Time
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
}

// receive reads a call to its end.
func (f *Fake) receive(r *http.Request) *call {
	c := &call{Config: &f.config, method: r.Method, path: r.URL.Path, header: r.Header, query: r.URL.Query(), at: time.Now()}
	c.key, c.refusal = f.protocol.credential(c.header, c.query)
	switch {
	case c.refusal != kindNone:
	case c.key == "":
		c.refusal = kindNoCredential
	case !c.accepts(c.key):
		c.refusal = kindUnauthorized
	}
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
		c.decode()
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

// id makes one for something in the answer: prefix, fake, number of the call.
func (c *call) id(prefix string) string {
	return prefix + c.Name + "_" + strconv.Itoa(c.number)
}

// hit is the call as a record.
func (c *call) hit(r *http.Request) *Hit {
	return &Hit{
		Method: c.method, Path: c.path, RawQuery: r.URL.RawQuery, Host: r.Host,
		Model: c.model, Stream: c.stream, Key: c.key,
		Credentials: credentials(c.header, c.query), Header: c.header.Clone(),
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
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
