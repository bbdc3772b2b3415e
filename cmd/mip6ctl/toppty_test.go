package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"mip6d/internal/ctl"
)

// TestTopOnATerminal runs the program itself on a pseudo-terminal: it draws, shows an
// event as it happens, and gives the terminal back when q is pressed.
func TestTopOnATerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ctl.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	fake := &ctl.Fake{StatusIs: ctl.Status{Roles: []string{ctl.RoleHomeAgent}, Since: time.Now()}}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- ctl.NewServer(fake, nil).Serve(ctx, l) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()

	cmd := exec.Command(os.Args[0], "top", "--socket", path, "--interval", "100ms")
	cmd.Env = append(os.Environ(), "MIP6CTL_TEST_MAIN=1", "TERM=xterm-256color")
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	drawn := &shared{}
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(drawn, terminal) }() // until the program ends
	wait := func(want string) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); !strings.Contains(drawn.String(), want); {
			if time.Now().After(end) {
				_ = cmd.Process.Kill()
				t.Fatalf("the terminal does not show %q:\n%q", want, drawn.String())
			}
			fake.Hub.Publish(ctl.Event{Time: time.Now(), Kind: "binding_moved", Text: "moved away"})
			time.Sleep(20 * time.Millisecond)
		}
	}
	wait("0 bindings")
	wait("moved away")
	if !strings.Contains(drawn.String(), "\x1b[?1049h") {
		t.Error("the terminal's content is not kept for later")
	}
	if _, err := terminal.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("top: %v", err)
		}
	case <-time.After(30 * time.Second):
		_ = cmd.Process.Kill()
		t.Fatal("q does not end it")
	}
	<-read
	if !strings.Contains(drawn.String(), "\x1b[?1049l") {
		t.Error("the terminal is not given back")
	}
}

// TestTopWithoutADaemon: what is wrong is said before the terminal is touched.
func TestTopWithoutADaemon(t *testing.T) {
	var out, errs bytes.Buffer
	if status := run([]string{"--socket", filepath.Join(t.TempDir(), "none"), "top"}, &out, &errs); status != exitError || !strings.Contains(errs.String(), "mip6d is not running") {
		t.Errorf("status %d: %s", status, errs.String())
	}
	errs.Reset()
	if status := run([]string{"top", "-o", "json"}, &out, &errs); status != exitUsage || !strings.Contains(errs.String(), "for people") {
		t.Errorf("status %d: %s", status, errs.String())
	}
}

// shared is a buffer for two goroutines.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
