package ctl

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestListenMode(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run", "mip6d.sock")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != os.ModeSocket|0o660 {
		t.Errorf("mode %v, want a socket with 0660", got)
	}
	if left := entries(t, filepath.Dir(path)); len(left) != 2 {
		t.Errorf("beside socket and lock there is %v", left)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is still there after Close: %v", err)
	}
	// Whoever comes next owns the path; a second Close must not take it away.
	next, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the second Close took the next daemon's socket: %v", err)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}

func TestListenGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a socket to any group")
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, "daemon")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if gid := info.Sys().(*syscall.Stat_t).Gid; gid != 1 {
		t.Errorf("group %d, want daemon's 1", gid)
	}
}

func TestListenUnknownGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, err := Listen(path, "no-such-group")
	want := "control socket " + path + `: there is no group "no-such-group": create it with "groupadd --system no-such-group" or name another in control.group`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// TestListenAgain: what a killed daemon left is replaced, a living one's socket
// is not touched.
func TestListenAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	first, err := Listen(path, "")
	if err != nil {
		t.Fatalf("a dead daemon's socket is not replaced: %v", err)
	}
	_, err = Listen(path, "")
	if err == nil || !strings.Contains(err.Error(), "another mip6d (pid ") || !strings.Contains(err.Error(), "run_dir") {
		t.Fatalf("beside a living one: %v", err)
	}
	if c, err := net.Dial("unix", path); err != nil {
		t.Errorf("the living one does not answer any more: %v", err)
	} else {
		c.Close()
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	second, err := Listen(path, "")
	if err != nil {
		t.Fatalf("after a clean end: %v", err)
	}
	second.Close()
}

func TestListenNotASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, ""); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file was touched")
	}
}

// TestListenLongPath: what fits into sockaddr_un can be used, though the name
// it has at first would not fit.
func TestListenLongPath(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, strings.Repeat("x", maxSunPath-len(dir)-1))
	if len(path) != maxSunPath {
		t.Fatalf("path of %d bytes", len(path))
	}
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
