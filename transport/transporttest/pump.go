package transporttest

import (
	"errors"
	"io"
)

// pump copies until one side ends, and says which: one of the errors is nil.
// The end of source is io.EOF.
func pump(to io.Writer, source io.Reader) (readErr, writeErr error) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := source.Read(buffer)
		if n > 0 {
			if _, writeErr := to.Write(buffer[:n]); writeErr != nil {
				return nil, writeErr
			}
		}
		if err != nil {
			return err, nil
		}
	}
}

// errCut is where FaultCutBody ends what comes from the target.
func errCut() error { return errors.New("transporttest: cut as ordered") }

// cutReader passes left bytes of source and then fails. With none left from the
// start it fails at the first byte, which it withholds.
type cutReader struct {
	source io.Reader
	left   int64
}

func (r *cutReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		if _, err := io.ReadFull(r.source, make([]byte, 1)); err != nil {
			return 0, err
		}
		return 0, errCut()
	}
	n, err := r.source.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if r.left == 0 { // also at the end, which may or may not be known by now
		err = errCut()
	}
	return n, err
}
