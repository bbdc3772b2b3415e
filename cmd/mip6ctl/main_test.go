package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mip6d/internal/ctl"
)

// update rewrites the expected output of the scripts:
//
//	go test ./cmd/mip6ctl -update
var update = flag.Bool("update", false, "rewrite what the scripts expect")

func TestMain(m *testing.M) {
	if os.Getenv("MIP6CTL_TEST_MAIN") != "" { // on a terminal, see toppty_test.go
		main()
	}
	testscript.Main(m, map[string]func(){"mip6ctl": main})
}

// TestScripts runs testdata/script/*.txtar. In them
//
//	serve DIR [ended|fails TEXT]
//
// starts a server at $WORK/mip6d.sock (which is $MIP6_SOCKET) that answers what
// the JSON files of a directory say: status, bindings, bul, interfaces, stats,
// and publishes what is in events as soon as somebody watches. "ended" ends it
// after the events. "watched" waits for that somebody, and "asked CALL…" wants that
// the server was asked all of that.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Values[servedKey{}] = new(*source)
			env.Values[watchedKey{}] = make(chan struct{}, 16)
			env.Setenv(ctl.SocketVariable, filepath.Join(env.WorkDir, "mip6d.sock"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve, "watched": watched, "status": exitStatus, "asked": asked},
	})
}

// exitStatus runs a command and wants that status: status N COMMAND…
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	var exit interface{ ExitCode() int }
	if errors.As(err, &exit) {
		got = fmt.Sprint(exit.ExitCode())
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve DIR [ended|fails TEXT]")
	}
	src := &source{events: make(chan ctl.Event), watched: ts.Value(watchedKey{}).(chan struct{})}
	load(ts, args[0], "status", &src.StatusIs)
	load(ts, args[0], "bindings", &src.BindingsAre)
	load(ts, args[0], "bul", &src.BULIs)
	load(ts, args[0], "interfaces", &src.InterfacesAre)
	load(ts, args[0], "homeagents", &src.HomeAgentsAre)
	load(ts, args[0], "groups", &src.GroupsAre)
	load(ts, args[0], "nonces", &src.NoncesAre)
	load(ts, args[0], "stats", &src.StatsAre)
	load(ts, args[0], "ipsec", &src.IPsecIs)
	load(ts, args[0], "migrated", &src.MigratedAre)
	load(ts, args[0], "past", &src.EventsAre)
	load(ts, args[0], "drain", &src.DrainIs)
	load(ts, args[0], "trace", &src.TraceIs)
	load(ts, args[0], "deleted", &src.DeletedIs)
	*ts.Value(servedKey{}).(**source) = src
	var events []ctl.Event
	load(ts, args[0], "events", &events)
	if len(args) > 2 && args[1] == "fails" {
		src.Err = errors.New(strings.Join(args[2:], " "))
	}
	path := ts.MkAbs("mip6d.sock")
	l, err := ctl.Listen(path, "")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- ctl.NewServer(src, nil).Serve(ctx, l) }()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		for _, e := range events {
			select {
			case src.events <- e:
			case <-ctx.Done():
				return
			}
		}
		if len(args) > 1 && args[1] == "ended" {
			close(src.events)
		}
	}()
	ts.Defer(func() {
		cancel()
		<-fed
		if err := <-done; err != nil {
			ts.Logf("serve: %v", err)
		}
	})
}

// source is a fake whose events stand ready.
type source struct {
	ctl.Fake
	events  chan ctl.Event
	watched chan struct{} // a token for each watcher
}

type (
	watchedKey struct{}
	servedKey  struct{}
)

// asked wants that the source was asked all of its arguments.
func asked(ts *testscript.TestScript, neg bool, args []string) {
	all := (*ts.Value(servedKey{}).(**source)).Asked()
	for _, want := range args {
		if slices.Contains(all, want) == neg {
			ts.Fatalf("asked %q; want %q: %t", all, want, !neg)
		}
	}
}

func (s *source) Subscribe(context.Context) <-chan ctl.Event {
	s.watched <- struct{}{}
	return s.events
}

// watched waits until somebody watches.
func watched(ts *testscript.TestScript, neg bool, args []string) {
	select {
	case <-ts.Value(watchedKey{}).(chan struct{}):
	case <-time.After(10 * time.Second):
		ts.Fatalf("nobody watches")
	}
}

func load(ts *testscript.TestScript, dir, name string, v any) {
	text, err := os.ReadFile(ts.MkAbs(filepath.Join(dir, name)))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	ts.Check(err)
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		ts.Fatalf("%s/%s: %v", dir, name, err)
	}
}

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"}, {-time.Second, "0s"}, {time.Millisecond, "<1s"}, {time.Second, "1s"}, {59900 * time.Millisecond, "59s"},
		{time.Minute, "1m"}, {413 * time.Second, "6m53s"}, {time.Hour, "1h"}, {time.Hour + time.Second, "1h"},
		{90 * time.Minute, "1h30m"}, {26 * time.Hour, "1d2h"}, {262140 * time.Second, "3d"}, {time.Duration(ctl.Forever), "forever"},
	} {
		if got := span(ctl.Seconds(tt.d)); got != tt.want {
			t.Errorf("span(%v) = %s, want %s", tt.d, got, tt.want)
		}
	}
}
