package realproxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/aitransport/aitransport/transport/transporttest/realproxy"
)

// TestPrivoxyAltersNothing sends what privoxy's filters and actions would change
// if it had any, and compares what arrives.
func TestPrivoxyAltersNothing(t *testing.T) {
	arrived := make(chan http.Header, 1)
	page := `<html><script>window.open("http://ads.example/banner.gif")</script></html>`
	to := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- r.Header
		w.Header().Set("Set-Cookie", "a=b; expires=Fri, 01 Jan 2100 00:00:00 GMT")
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Last-Modified", "Sat, 21 Nov 2020 05:42:02 GMT")
		w.Header().Set("Server", "me")
		w.Header().Set("X-Odd", "yes")
		w.Header()["Date"] = nil
		_, _ = io.WriteString(w, page)
	}))
	t.Cleanup(to.Close)
	sent := http.Header{
		"Accept-Encoding":   {"gzip"},
		"Authorization":     {"Bearer key"},
		"Cookie":            {"a=b"},
		"If-Modified-Since": {"Sat, 21 Nov 2020 05:42:02 GMT"},
		"Referer":           {"http://elsewhere.example/ads/"},
		"User-Agent":        {"me/1.0"},
		"X-Forwarded-For":   {"192.0.2.1"},
	}
	var header strings.Builder
	if err := sent.Write(&header); err != nil {
		t.Fatal(err)
	}
	header.WriteString("Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic bWU6bWU=\r\n") // for the proxy, not the endpoint

	conn := dial(t, realproxy.Privoxy(t, realproxy.Config{}))
	resp := conn.ask(t, "GET", to.Listener.Addr().String(), header.String())
	if resp == nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %+v, want 200", resp)
	}
	if got := <-arrived; !reflect.DeepEqual(got, sent) {
		t.Errorf("the endpoint got %v, want %v", got, sent)
	}
	want := http.Header{
		"Content-Length":   {fmt.Sprint(len(page))},
		"Content-Type":     {"text/html"},
		"Last-Modified":    {"Sat, 21 Nov 2020 05:42:02 GMT"},
		"Proxy-Connection": {"keep-alive"},
		"Server":           {"me"},
		"Set-Cookie":       {"a=b; expires=Fri, 01 Jan 2100 00:00:00 GMT"},
		"X-Odd":            {"yes"},
	}
	if !reflect.DeepEqual(resp.Header, want) {
		t.Errorf("the client got %v, want %v", resp.Header, want)
	}
}

// TestPrivoxyWhereAnAnswerIsCut pins the difference that a client notices: an
// answer that breaks off ends at once if its length was announced, and leaves the
// client waiting if it came in chunks.
func TestPrivoxyWhereAnAnswerIsCut(t *testing.T) {
	p := realproxy.Privoxy(t, realproxy.Config{})
	for _, c := range []struct {
		name, says, body string
		ends             bool
	}{
		{"Content-Length", "Content-Length: 9\r\n\r\nhalf", "half", true},
		{"chunks", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := abrupt(t, "HTTP/1.1 200 OK\r\n"+c.says)
			conn := dial(t, p)
			fmt.Fprintf(conn, "GET http://%s/ HTTP/1.1\r\nHost: %s\r\n\r\n", host, host)
			for line := ""; line != "\r\n"; {
				var err error
				if line, err = conn.reader.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			body := make([]byte, len(c.body))
			if _, err := io.ReadFull(conn.reader, body); err != nil || string(body) != c.body {
				t.Fatalf("the body began with %q, %v, want %q", body, err, c.body)
			}
			p.WaitLog(t, `"GET http://`+host+`/ HTTP/1.1" 200`) // it has done with the answer
			if got := conn.ended(t, patience(c.ends)); got != c.ends {
				t.Errorf("the connection ended: %v, want %v", got, c.ends)
			}
		})
	}
}

// TestPrivoxyCollectsChunks shows that a body sent in chunks has to end, and to be
// small, before the endpoint hears of the request.
func TestPrivoxyCollectsChunks(t *testing.T) {
	to := upstream(t, false)
	through := client(t, realproxy.Privoxy(t, realproxy.Config{}).URL(), to)
	for _, c := range []struct {
		size   int
		chunks bool
		status int
	}{{5 << 20, false, 200}, {3 << 20, true, 200}, {5 << 20, true, 400}} {
		var body io.Reader = strings.NewReader(strings.Repeat("x", c.size))
		if c.chunks {
			body = io.MultiReader(body) // net/http cannot see its length
		}
		resp, err := through.Post(to.URL, "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%d bytes, in chunks %v: %s, want %d", c.size, c.chunks, resp.Status, c.status)
		}
	}
}
