package ctl

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// SocketVariable is the environment variable that names the socket.
const SocketVariable = "MIP6_SOCKET"

// ErrUnreachable is in every error that says that nobody answered.
var ErrUnreachable = errors.New("mip6d cannot be reached")

// unreachableError says in words why, and is ErrUnreachable.
type unreachableError struct {
	text  string
	cause error
}

func (e unreachableError) Error() string   { return e.text }
func (e unreachableError) Unwrap() []error { return []error{ErrUnreachable, e.cause} }

// unreachable says why nobody answered at a socket, and what to do.
func unreachable(path string, err error) error {
	text := fmt.Sprintf("cannot talk to mip6d at %s: %v", path, rootCause(err))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = fmt.Sprintf("mip6d is not running: there is no socket %s. Start it (systemctl start mip6d), or name its socket with --socket or $%s", path, SocketVariable)
	case !mayBeSocket(path), errors.Is(err, syscall.EPROTOTYPE):
		text = fmt.Sprintf("%s is no socket of mip6d: name the right one with --socket or $%s", path, SocketVariable)
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("mip6d is not running: nobody listens at %s, where one has ended without cleaning up. Start it (systemctl start mip6d) and see its log (journalctl -u mip6d)", path)
	case errors.Is(err, fs.ErrPermission):
		text = fmt.Sprintf("no permission to use %s, %s", path, whoMay(path))
	}
	return unreachableError{text: text, cause: err}
}

// mayBeSocket is false when something else is there for certain. The kernel
// refuses a connection to it as if it were a dead socket.
func mayBeSocket(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().Type() == os.ModeSocket
}

// whoMay says who may use a socket and how to become one of them.
func whoMay(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "nor to look at it: run this as root"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Gid == 0 {
		return "which is for root: run this as root, or let a group in with control.group in mip6d's configuration"
	}
	group := strconv.FormatUint(uint64(st.Gid), 10)
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return fmt.Sprintf("which is for root and the group %s: run this as root, or join the group (usermod -aG %s USER) and log in again", group, group)
}

// rootCause is the innermost error, without the URL that net/http puts around.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
