// Package sdnotify tells systemd how a service is (sd_notify(3)): that it is ready,
// reloads, stops, is alive, and in a line of words how it does. Without systemd all of
// it does nothing.
//
// It isn't for socket activation, nor for finding out whether systemd runs.
package sdnotify

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Notifier speaks to one service manager. The zero value has none. Its methods may be
// called by several goroutines.
type Notifier struct {
	path     string
	watchdog time.Duration
}

// FromEnvironment reads what the service manager has said by NOTIFY_SOCKET,
// WATCHDOG_USEC and WATCHDOG_PID. A value that makes no sense is an error; the Notifier
// works as far as the others go.
func FromEnvironment(getenv func(string) string, pid int) (Notifier, error) {
	n := Notifier{path: getenv("NOTIFY_SOCKET")}
	if n.path != "" && n.path[0] != '/' && n.path[0] != '@' {
		path := n.path
		n.path = ""
		return n, fmt.Errorf("NOTIFY_SOCKET=%s: neither a path nor an abstract name (VSOCK is for machines)", path)
	}
	if usec := getenv("WATCHDOG_USEC"); usec != "" {
		if p := getenv("WATCHDOG_PID"); p != "" && p != strconv.Itoa(pid) {
			return n, nil // for another process
		}
		v, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || v <= 0 || v > int64(1<<63-1)/1000 {
			return n, fmt.Errorf("WATCHDOG_USEC=%s: not a number of microseconds", usec)
		}
		n.watchdog = time.Duration(v) * time.Microsecond
	}
	return n, nil
}

// Watchdog is how long the manager waits for Alive before it takes the service for
// dead; 0: it doesn't.
func (n Notifier) Watchdog() time.Duration { return n.watchdog }

// Ready says that the service does its work: after the start, or after Reloading.
func (n Notifier) Ready(status string) error { return n.send("READY=1", "STATUS="+line(status)) }

// Status says how the service does.
func (n Notifier) Status(status string) error { return n.send("STATUS=" + line(status)) }

// Alive keeps the watchdog quiet.
func (n Notifier) Alive() error { return n.send("WATCHDOG=1") }

// Reloading says that the configuration is being read again; Ready follows, whatever
// comes of it. monotonic is CLOCK_MONOTONIC, by which the manager knows whether that is
// the reload which it has asked for.
func (n Notifier) Reloading(monotonic time.Duration) error {
	return n.send("RELOADING=1", "MONOTONIC_USEC="+strconv.FormatInt(monotonic.Microseconds(), 10))
}

// Stopping says that the service ends.
func (n Notifier) Stopping(status string) error { return n.send("STOPPING=1", "STATUS="+line(status)) }

// line keeps words from looking like assignments of their own.
func line(s string) string { return strings.ReplaceAll(s, "\n", " ") }

func (n Notifier) send(assignments ...string) error {
	if n.path == "" {
		return nil
	}
	// Of an abstract name the net package replaces the @.
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell systemd %s: %w", assignments[0], err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("tell systemd %s: %w", assignments[0], err)
	}
	return nil
}

// Unset takes the variables out of the environment, so that children don't speak in
// the service's name.
func Unset() {
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		_ = os.Unsetenv(name) // fails for an empty name only
	}
}
