package server

import (
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/aitransport/aitransport/transport"
)

// maxZstdWindow bounds the memory that a decoder may ask for.
const maxZstdWindow = 8 << 20

// decoders are the content codings that clients and providers use beside gzip and deflate.
func decoders() map[string]transport.Decoder {
	return map[string]transport.Decoder{
		"br": func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil },
		"zstd": func(r io.Reader) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxZstdWindow))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		},
	}
}
