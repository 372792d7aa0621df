package logfile

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Config says where to.
type Config struct {
	Dir    string        // a folder, made if need be; "": Stream
	Stream io.Writer     // nil: os.Stdout
	Level  slog.Leveler  // the least that is written; nil: slog.LevelInfo
	Keep   time.Duration // how long files of past days are kept; 0: for ever
	Errors io.Writer     // is told what cannot be written; nil: os.Stderr
}

// Log is an open log. Its methods may be called by any number of goroutines.
type Log struct {
	app, provider, upstream *sink // the last two are nil without a folder
	level                   slog.Leveler
}

// New opens a log. An error says what is wrong with the folder and what to do.
func New(c Config) (*Log, error) {
	if c.Stream == nil {
		c.Stream = os.Stdout
	}
	if c.Errors == nil {
		c.Errors = os.Stderr
	}
	if c.Level == nil {
		c.Level = slog.LevelInfo
	}
	l := &Log{level: c.Level}
	if c.Dir == "" {
		l.app = &sink{to: stream{c.Stream}, name: "the log", errors: c.Errors}
		return l, nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the log's folder cannot be made: %w: write another as log.dir", err)
	}
	for _, s := range []struct {
		name string
		to   **sink
	}{{"app", &l.app}, {"provider", &l.provider}, {"upstream", &l.upstream}} {
		f := &daily{dir: c.Dir, name: s.name, keep: c.Keep}
		*s.to = &sink{to: f, name: f.path(), errors: c.Errors}
		if err := f.open(time.Now()); err != nil {
			return nil, errors.Join(fmt.Errorf("the log cannot be written: %w: make log.dir one that the gateway may write to", err), l.Close())
		}
	}
	return l, nil
}

// Handler is what a slog.Logger writes by.
func (l *Log) Handler() slog.Handler {
	options := &slog.HandlerOptions{Level: l.level}
	h := &handler{app: slog.NewJSONHandler(l.app, options)}
	if l.provider != nil {
		h.provider = slog.NewJSONHandler(l.provider, options)
		h.upstream = slog.NewJSONHandler(l.upstream, options)
	}
	return h
}

// Reopen opens the files anew, after somebody has renamed or removed them. Of a stream it
// does nothing.
func (l *Log) Reopen() error { return l.each((*sink).reopen) }

// Close closes the files. What is logged later is lost. It may be called again.
func (l *Log) Close() error { return l.each((*sink).close) }

func (l *Log) each(do func(*sink) error) error {
	var all error
	for _, s := range []*sink{l.app, l.provider, l.upstream} {
		if s != nil {
			all = errors.Join(all, do(s))
		}
	}
	return all
}
