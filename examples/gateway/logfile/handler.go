package logfile

import (
	"context"
	"errors"
	"log/slog"
	"strings"
)

// handler writes each record to app, and some to another file too.
type handler struct {
	app, provider, upstream slog.Handler // the last two are nil without a folder
}

// The library's messages by which a record goes to another file too.
var (
	ofProvider = []string{"Health check for provider", "Health check panicked"}
	ofUpstream = []string{"Attempt failed", "Attempt not needed", "An attempt panicked", "Proxy request failed", "Falling back to direct", "Direct connection succeeded after proxy failure", "SOCKS proxy does not support HTTP/2", "HTTP/2 failed"}
)

func beginsWith(message string, beginnings []string) bool {
	for _, begin := range beginnings {
		if strings.HasPrefix(message, begin) {
			return true
		}
	}
	return false
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.app.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.app.Handle(ctx, r)
	switch {
	case h.provider == nil:
	case beginsWith(r.Message, ofProvider):
		err = errors.Join(err, h.provider.Handle(ctx, r))
	case beginsWith(r.Message, ofUpstream):
		err = errors.Join(err, h.upstream.Handle(ctx, r))
	}
	return err
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	return h.with(func(inner slog.Handler) slog.Handler { return inner.WithGroup(name) })
}

func (h *handler) with(change func(slog.Handler) slog.Handler) slog.Handler {
	out := &handler{app: change(h.app)}
	if h.provider != nil {
		out.provider, out.upstream = change(h.provider), change(h.upstream)
	}
	return out
}
