package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/engine"
	"mip6d/internal/role"
	"mip6d/internal/sdnotify"
)

// patience is how long anything may take that ought to happen at once.
const patience = 10 * time.Second

// serviceManager listens as systemd does.
type serviceManager struct {
	*testing.T
	*net.UnixConn
}

// newServiceManager sets a watchdog of 40 ms.
func newServiceManager(t *testing.T) (sdnotify.Notifier, serviceManager) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	n, err := sdnotify.FromEnvironment(func(name string) string {
		return map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "40000"}[name]
	}, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return n, serviceManager{t, c}
}

// next is the next message, or nothing if there is none for a while.
func (m serviceManager) next(while time.Duration) string {
	m.Helper()
	b := make([]byte, 4096)
	if err := m.SetReadDeadline(time.Now().Add(while)); err != nil {
		m.Fatal(err)
	}
	n, err := m.Read(b)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		m.Fatal(err)
	}
	return string(b[:n])
}

// hear waits for a message that begins like that, and returns it.
func (m serviceManager) hear(want string) string {
	m.Helper()
	for {
		switch got := m.next(patience); {
		case got == "":
			m.Fatalf("systemd does not hear %s", want)
		case strings.HasPrefix(got, want):
			return got
		}
	}
}

type named struct{ wiring }

func (named) roles() []string { return []string{"home_agent", "correspondent_node"} }

func (named) bul(time.Time) []ctl.BindingUpdate { return nil }

func (named) interfaces(time.Time) []ctl.Interface { return nil }

func (named) mustBeHomeAgent() (*homeAgent, error) { return nil, ctl.ErrNotNow }

type quietMachine struct{}

func (quietMachine) Step(time.Time, role.Event) []role.Effect { return nil }
func (quietMachine) Deadline() time.Time                      { return time.Time{} }

type quietApplier struct{ engine.Applier }

func TestSystemdHearsOfALife(t *testing.T) {
	notifier, manager := newServiceManager(t)
	d := &daemon{log: slog.New(slog.NewTextHandler(io.Discard, nil)), manager: notifier, role: named{}}
	d.engine = engine.New(engine.Config{
		Machines: []role.Machine{quietMachine{}}, Kernel: quietApplier{}, Wire: quietApplier{}, Counters: &d.counters,
	})
	ctx, stop := context.WithCancel(t.Context())
	ends := make(chan error, 2)
	go func() { ends <- d.tellSystemd(ctx) }()

	// Before the engine runs nobody is told that it does.
	go func() { ends <- d.engine.Run(ctx) }()
	if got := manager.hear("READY=1"); got != "READY=1\nSTATUS=home_agent, correspondent_node" {
		t.Errorf("got %q", got)
	}
	manager.hear("WATCHDOG=1")
	manager.hear("WATCHDOG=1")
	d.problems.set("reload", errors.New("line 3"))
	d.problems.set("neighbours", errors.New("gone"))
	if got := manager.hear("STATUS=home_agent, correspondent_node; reload"); got !=
		"STATUS=home_agent, correspondent_node; reload: line 3" && got != "STATUS=home_agent, correspondent_node; reload: line 3, and 1 more (mip6ctl status)" {
		t.Errorf("got %q", got)
	}

	done := d.reloading()
	if got := manager.hear("RELOADING=1"); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") || strings.HasSuffix(got, "=0") {
		t.Errorf("got %q", got)
	}
	done()
	manager.hear("READY=1")

	stop()
	manager.hear("STOPPING=1")
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

// TestAStuckEngineDoesNotFeedTheWatchdog: what feeds it is the loop itself.
func TestAStuckEngineDoesNotFeedTheWatchdog(t *testing.T) {
	notifier, manager := newServiceManager(t)
	d := &daemon{log: slog.New(slog.NewTextHandler(io.Discard, nil)), manager: notifier, role: named{}}
	d.engine = engine.New(engine.Config{
		Machines: []role.Machine{quietMachine{}}, Kernel: quietApplier{}, Wire: quietApplier{}, Counters: &d.counters,
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = d.engine.Run(ctx) }()
	ended := make(chan error, 1)
	go func() { ended <- d.tellSystemd(ctx) }()
	manager.hear("READY=1")
	manager.hear("WATCHDOG=1")

	stuck, free := make(chan struct{}), make(chan struct{})
	go func() { _ = d.engine.Do(ctx, func() { close(stuck); <-free }) }()
	<-stuck
	for manager.next(time.Millisecond) != "" { // said before
	}
	if got := manager.next(5 * notifier.Watchdog()); got != "" {
		t.Errorf("while the engine is stuck systemd hears %q", got)
	}
	close(free)
	manager.hear("WATCHDOG=1")
	stop()
	<-ended
}
