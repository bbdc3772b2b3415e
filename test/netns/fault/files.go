package fault

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// files tells what the file descriptors of a process are.
type files struct {
	pid   int
	known map[string]bool // netlink, by socket:[inode]
}

// netlink says whether a file descriptor is a netlink socket.
func (f *files) netlink(fd int) bool {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", f.pid, fd))
	if err != nil || !strings.HasPrefix(name, "socket:[") {
		return false
	}
	is, known := f.known[name]
	if !known {
		is = f.listed(strings.TrimSuffix(strings.TrimPrefix(name, "socket:["), "]"))
		f.known[name] = is
	}
	return is
}

// listed looks an inode up in /proc/net/netlink, where it is the last field.
func (f *files) listed(inode string) bool {
	list, err := os.Open(fmt.Sprintf("/proc/%d/net/netlink", f.pid))
	if err != nil {
		return false
	}
	defer list.Close()
	for s := bufio.NewScanner(list); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 0 && fields[len(fields)-1] == inode {
			return true
		}
	}
	return false
}
