package server

import (
	"context"
	"log/slog"
)

// logged has what the balancer and the transports log about a request bear its name and its
// key, as the gateway's own lines do.
type logged struct{ slog.Handler }

// Handle implements slog.Handler.
func (h logged) Handle(ctx context.Context, line slog.Record) error {
	if x := exchangeOf(ctx); x != nil {
		line = line.Clone()
		line.AddAttrs(slog.String("request_id", x.id), slog.String("user_id", x.key.UserID), slog.String("key_id", x.key.ID))
	}
	return h.Handler.Handle(ctx, line)
}

// WithAttrs implements slog.Handler.
func (h logged) WithAttrs(attrs []slog.Attr) slog.Handler { return logged{h.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (h logged) WithGroup(name string) slog.Handler { return logged{h.Handler.WithGroup(name)} }
