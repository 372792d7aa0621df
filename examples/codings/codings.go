// Package codings decodes br and zstd, which the library itself leaves out because
// they need modules of their own:
//
//	tr, err := transport.New(transport.Config{Decoders: codings.All()})
//
// Copy it, or import it from here.
package codings

import (
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/aitransport/aitransport/transport"
)

// maxMemory bounds what a zstd answer may make its reader keep: a window larger than
// RFC 8878 section 3.1.1.1.2 asks decoders to support is refused.
const maxMemory = 8 << 20

// All are the decoders of this package by the names of their codings.
func All() map[string]transport.Decoder {
	return map[string]transport.Decoder{"br": Brotli, "zstd": Zstd}
}

// Brotli decodes br (RFC 7932).
func Brotli(r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(brotli.NewReader(r)), nil
}

// Zstd decodes zstd (RFC 8878), in the goroutine that reads.
func Zstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxMemory))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
