package netns

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"mip6d/test/netns/topology"
)

// TestSoakOverrunOfNewsIsMadeGood: a mobile node moves while nobody reads the kernel's news and
// their socket is full, so that those of the move are lost. Told of the overrun, it finds
// out where it is and registers from there.
func TestSoakOverrunOfNewsIsMadeGood(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	pid := w.mn.PID()
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	overrun(t, w)
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	signal(syscall.SIGCONT)
	w.registered(t, up, 20*time.Second)
	if careOf := w.careOf(t, up); !topology.Foreign2Prefix.Contains(careOf) {
		t.Errorf("registered from %s, on %s", careOf, topology.Foreign2)
	}
	answered(t, w.pingMN(t), up, 10*time.Second)
}

// overrun fills the sockets for the kernel's news in the mobile node's machine, with changes of
// an interface of no use, until the kernel drops some.
func overrun(t *testing.T, w *world) {
	t.Helper()
	dummy := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "noise"}}
	if err := w.MN.NL.LinkAdd(dummy); err != nil {
		t.Fatal(err)
	}
	const most = 200_000
	for n := range most {
		if err := w.MN.NL.LinkSetMTU(dummy, 1400+n%2); err != nil {
			t.Fatal(err)
		}
		if n%100 == 0 && newsDropped(t, w.mn.PID()) {
			t.Logf("news are dropped after %d changes", n)
			return
		}
	}
	t.Fatalf("%d changes, and no news are dropped", most)
}

// newsDropped says whether a socket that listens to addresses (RTNLGRP_IPV6_IFADDR) in a process's
// network namespace has overrun.
func newsDropped(t *testing.T, pid int) bool {
	t.Helper()
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netlink", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(list), "\n") {
		// sk, protocol, port, groups in hexadecimal, …, the last but one: drops.
		f := strings.Fields(line)
		var groups, drops int
		if len(f) < 10 || f[1] != "0" {
			continue
		}
		if _, err := fmt.Sscanf(f[3]+" "+f[len(f)-2], "%x %d", &groups, &drops); err == nil && groups&(1<<8) != 0 && drops > 0 {
			return true
		}
	}
	return false
}
