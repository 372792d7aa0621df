package servers_test

import (
	"fmt"
	"runtime"
	"testing"
)

// recorder is a test that only notes how it ended.
type recorder struct {
	testing.TB
	verdict, reason string
}

// run calls f in a goroutine that a skip or a failure may end.
func (r *recorder) run(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

func (r *recorder) end(verdict, reason string) {
	r.verdict, r.reason = verdict, reason
	runtime.Goexit()
}

func (r *recorder) Helper()           {}
func (r *recorder) Skip(args ...any)  { r.end("skip", fmt.Sprint(args...)) }
func (r *recorder) Fatal(args ...any) { r.end("fatal", fmt.Sprint(args...)) }
