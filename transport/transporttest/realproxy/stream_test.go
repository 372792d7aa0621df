package realproxy_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestStreamsPieceByPiece sends an event only after the one before it has
// arrived: a program that waits for more, or for the end, never passes it on.
func TestStreamsPieceByPiece(t *testing.T) {
	const events = 20
	for _, k := range kinds {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tls=%v", k.name, secure), func(t *testing.T) {
				next := make(chan int)
				stream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "text/event-stream")
					w.WriteHeader(http.StatusOK)
					for {
						if err := http.NewResponseController(w).Flush(); err != nil {
							return
						}
						select {
						case i, more := <-next:
							if !more {
								return
							}
							fmt.Fprintf(w, "data: %d\n", i)
						case <-r.Context().Done():
							return
						}
					}
				})
				to := httptest.NewUnstartedServer(stream)
				if secure {
					to.StartTLS()
				} else {
					to.Start()
				}
				t.Cleanup(to.Close)
				resp, err := client(t, k.start(t, k.config()).URL(), to).Get(to.URL)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				lines := bufio.NewScanner(resp.Body)
				for i := range events {
					next <- i
					if want := fmt.Sprintf("data: %d", i); !lines.Scan() || lines.Text() != want {
						t.Fatalf("%q arrived, %v, want %q", lines.Text(), lines.Err(), want)
					}
				}
				close(next)
				if lines.Scan() || lines.Err() != nil {
					t.Errorf("after the last event: %q, %v", lines.Text(), lines.Err())
				}
			})
		}
	}
}
