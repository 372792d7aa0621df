package balancer

import (
	"io"
	"sync"
)

// ending is a body that says when it ends: at EOF, at an error, or at Close.
type ending struct {
	io.ReadCloser
	once sync.Once
	end  func()
}

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	if err != nil {
		e.once.Do(e.end)
	}
	return n, err
}

func (e *ending) Close() error {
	err := e.ReadCloser.Close()
	e.once.Do(e.end)
	return err
}
