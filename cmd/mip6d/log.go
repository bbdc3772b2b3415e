package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"

	"mip6d/internal/config"
)

// newLogger writes to standard error. Where that is the journal, lines begin with
// their priority, which the journal takes off, and have no time of their own.
func newLogger(l config.Log) *slog.Logger {
	return slog.New(logHandler(os.Stderr, l, isJournal(os.Stderr, os.Getenv("JOURNAL_STREAM"))))
}

func logHandler(w io.Writer, l config.Log, journal bool) slog.Handler {
	if !journal {
		return formatted(w, l, nil)
	}
	h := make(byPriority)
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		h[level] = formatted(prefixed{w, priorities[level]}, l, withoutTime)
	}
	return h
}

func formatted(w io.Writer, l config.Log, replace func([]string, slog.Attr) slog.Attr) slog.Handler {
	opts := &slog.HandlerOptions{Level: l.Level, ReplaceAttr: replace}
	if l.Format == config.LogJSON {
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

// withoutTime leaves to the journal what it knows better.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// isJournal compares standard error with the device and inode that systemd says the
// journal's stream has: standard error may have been sent elsewhere since.
func isJournal(f *os.File, stream string) bool {
	var st unix.Stat_t
	return stream != "" && unix.Fstat(int(f.Fd()), &st) == nil && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// priorities are syslog's (sd-daemon(3)).
var priorities = map[slog.Level]string{slog.LevelDebug: "<7>", slog.LevelInfo: "<6>", slog.LevelWarn: "<4>", slog.LevelError: "<3>"}

// prefixed begins each write, which is one line, with a priority.
type prefixed struct {
	io.Writer
	prefix string
}

func (p prefixed) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(append([]byte(p.prefix), b...))
	return max(n-len(p.prefix), 0), err
}

// byPriority has a handler for each level.
type byPriority map[slog.Level]slog.Handler

func (h byPriority) of(level slog.Level) slog.Handler {
	for _, l := range []slog.Level{slog.LevelError, slog.LevelWarn, slog.LevelInfo} {
		if level >= l {
			return h[l]
		}
	}
	return h[slog.LevelDebug]
}

func (h byPriority) Enabled(ctx context.Context, l slog.Level) bool { return h.of(l).Enabled(ctx, l) }

func (h byPriority) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

func (h byPriority) WithAttrs(a []slog.Attr) slog.Handler {
	return h.each(func(s slog.Handler) slog.Handler { return s.WithAttrs(a) })
}

func (h byPriority) WithGroup(name string) slog.Handler {
	return h.each(func(s slog.Handler) slog.Handler { return s.WithGroup(name) })
}

func (h byPriority) each(f func(slog.Handler) slog.Handler) slog.Handler {
	out := make(byPriority, len(h))
	for l, s := range h {
		out[l] = f(s)
	}
	return out
}
