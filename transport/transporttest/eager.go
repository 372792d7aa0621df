package transporttest

import (
	"bufio"
	"io"
)

// eagerWriter collects small writes, as a bufio.Writer does, but keeps nothing
// back while it waits for more of a body. It hides ReadFrom of the buffer, which
// would not bear a flush in the middle.
type eagerWriter struct{ buffer *bufio.Writer }

func (w eagerWriter) Write(p []byte) (int, error) { return w.buffer.Write(p) }

// WriteByte tells Request.Write that it need not wrap w in a buffer of its own.
func (w eagerWriter) WriteByte(b byte) error { return w.buffer.WriteByte(b) }

// before returns body; what has been written to w leaves before each Read.
func (w eagerWriter) before(body io.ReadCloser) io.ReadCloser {
	return eagerBody{writer: w, ReadCloser: body}
}

type eagerBody struct {
	io.ReadCloser
	writer eagerWriter
}

func (b eagerBody) Read(p []byte) (int, error) {
	if err := b.writer.buffer.Flush(); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}
