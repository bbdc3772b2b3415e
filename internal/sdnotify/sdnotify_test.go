package sdnotify

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// manager listens as systemd does.
func manager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func heard(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v
			}
		}
		return ""
	}
}

func TestWhatTheManagerHears(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@mip6d-test-%d", os.Getpid())} {
		c := manager(t, name)
		n, err := FromEnvironment(env("NOTIFY_SOCKET="+name), 1)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, say := range []func() error{
			func() error { return n.Ready("home_agent") },
			func() error { return n.Status("two\nlines") },
			n.Alive,
			func() error { return n.Reloading(1500 * time.Microsecond) },
			func() error { return n.Stopping("bye") },
		} {
			if err := say(); err != nil {
				t.Fatal(err)
			}
			got = append(got, heard(t, c))
		}
		want := []string{
			"READY=1\nSTATUS=home_agent", "STATUS=two lines", "WATCHDOG=1", "RELOADING=1\nMONOTONIC_USEC=1500", "STOPPING=1\nSTATUS=bye",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		env      []string
		watchdog time.Duration
		err      string
	}{
		{nil, 0, ""},
		{[]string{"NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=30000000"}, 30 * time.Second, ""},
		{[]string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=7"}, 30 * time.Second, ""},
		{[]string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=8"}, 0, ""},
		{[]string{"WATCHDOG_USEC=soon"}, 0, "WATCHDOG_USEC=soon: not a number of microseconds"},
		{[]string{"WATCHDOG_USEC=0"}, 0, "WATCHDOG_USEC=0: not a number of microseconds"},
		{[]string{"NOTIFY_SOCKET=vsock:2:1"}, 0, "NOTIFY_SOCKET=vsock:2:1: neither a path nor an abstract name (VSOCK is for machines)"},
	} {
		n, err := FromEnvironment(env(c.env...), 7)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != c.err || n.Watchdog() != c.watchdog {
			t.Errorf("%v: watchdog %v, error %q; want %v, %q", c.env, n.Watchdog(), text, c.watchdog, c.err)
		}
	}
}

func TestWithoutAManagerNothingHappens(t *testing.T) {
	if err := (Notifier{}).Ready("x"); err != nil {
		t.Error(err)
	}
	n, err := FromEnvironment(env("NOTIFY_SOCKET="+filepath.Join(t.TempDir(), "gone")), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Ready("x"); err == nil || !strings.HasPrefix(err.Error(), "tell systemd READY=1: ") {
		t.Errorf("a manager that is gone: %v", err)
	}
}
