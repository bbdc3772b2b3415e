package main

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// names remembers interfaces' names for a moment: they are asked for with every
// notice, and hardly ever change.
var names struct {
	sync.Mutex
	byIndex map[int]string
	asked   time.Time
}

const namesFresh = time.Second

// ifname names an interface; "" if there is none.
func ifname(ifindex int) string {
	names.Lock()
	defer names.Unlock()
	if now := time.Now(); names.byIndex == nil || now.Sub(names.asked) > namesFresh {
		names.byIndex, names.asked = make(map[int]string), now
	}
	name, ok := names.byIndex[ifindex]
	if !ok {
		name = askName(ifindex)
		names.byIndex[ifindex] = name
	}
	return name
}

// askName asks for the one: net.InterfaceByIndex has the kernel dump them all.
func askName(ifindex int) string {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("")
	if err != nil {
		return ""
	}
	req.SetUint32(uint32(ifindex))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, req); err != nil {
		return ""
	}
	return req.Name()
}
