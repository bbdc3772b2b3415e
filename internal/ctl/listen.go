package ctl

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	socketMode = 0o660 // owner and group, and nobody else
	maxSunPath = 107   // bytes in sockaddr_un.sun_path without the final zero
)

// Socket is a control socket that we own: nobody else's daemon uses its path.
type Socket struct {
	net.Listener
	path  string
	lock  *os.File
	close func() error
}

// Listen makes the control socket, with its directory if that is missing. A
// socket that a dead daemon left is replaced; that of a living one is an error.
// The socket belongs to the group of that name; without one ("") to ours.
func Listen(path, group string) (*Socket, error) {
	gid := -1
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return nil, fmt.Errorf("control socket %s: there is no group %q: create it with \"groupadd --system %s\" or name another in control.group", path, group, group)
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return nil, fmt.Errorf("control socket %s: group %q has the id %q: %w", path, group, g.Gid, err)
		}
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("control socket %s: make its directory: %w", path, err)
	}
	lock, err := lockSocket(path)
	if err != nil {
		return nil, err
	}
	l, err := listen(path, gid)
	if err != nil {
		lock.Close()
		return nil, err
	}
	s := &Socket{Listener: l, path: path, lock: lock}
	s.close = sync.OnceValue(s.remove)
	return s, nil
}

// GroupExists says whether a group is known here, for defaults that should not
// fail where it is not.
func GroupExists(name string) bool {
	_, err := user.LookupGroup(name)
	return err == nil
}

// lockSocket takes the lock that says who owns the path. Unlike a look whether
// anybody answers, it leaves no moment in which two daemons replace each
// other's socket. The kernel frees it when its owner ends, however it ends.
func lockSocket(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: open its lock: %w", path, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("control socket %s: take its lock: %w", path, err)
		}
		return nil, fmt.Errorf("control socket %s: another mip6d%s uses it: stop that one, or give this one a run_dir of its own", path, lockHolder(lock))
	}
	if err := lock.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(lock, "%d\n", os.Getpid()) // only for the message above
	}
	return lock, nil
}

// lockHolder says who wrote the lock file, " (pid 7)" or nothing.
func lockHolder(lock *os.File) string {
	b := make([]byte, 16)
	n, _ := lock.ReadAt(b, 0)
	if pid, err := strconv.Atoi(string(trimNewline(b[:n]))); err == nil {
		return fmt.Sprintf(" (pid %d)", pid)
	}
	return ""
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// listen replaces what a dead daemon left. The socket gets its mode and group
// in a directory of our own before it appears at its path, so that there is no
// moment with the wrong ones.
func listen(path string, gid int) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("control socket %s: there is something that is no socket: move it away or name another path in control.socket", path)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	defer os.RemoveAll(tmp)
	name := filepath.Join(tmp, "s")
	l, err := listenAt(name)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	if err := publish(name, path, gid); err != nil {
		l.Close()
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return l, nil
}

// listenAt listens at a name that may be longer than sun_path holds.
func listenAt(name string) (*net.UnixListener, error) {
	if len(name) > maxSunPath {
		dir, err := os.Open(filepath.Dir(name))
		if err != nil {
			return nil, err
		}
		defer dir.Close()
		name = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(name))
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // its name is about to change
	return l, nil
}

func publish(name, path string, gid int) error {
	if err := os.Chmod(name, socketMode); err != nil {
		return err
	}
	if gid >= 0 && gid != os.Getegid() {
		if err := os.Chown(name, -1, gid); err != nil {
			return fmt.Errorf("give it to group %d (that takes CAP_CHOWN, or membership: SupplementaryGroups= in the service): %w", gid, err)
		}
	}
	return os.Rename(name, path)
}

// Close stops listening and removes the socket. Closing again does nothing: a
// server that serves it closes it too.
func (s *Socket) Close() error { return s.close() }

// remove leaves the lock file, as removing it could take away the lock of a
// daemon that is just starting.
func (s *Socket) remove() error {
	err := os.Remove(s.path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, s.Listener.Close(), s.lock.Close())
}
