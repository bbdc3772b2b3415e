package ingress

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// TestKernelFlowerLeavesFiltersOfAnEarlierRunAlone: one that lets through what is
// wanted is not set again; one of a binding that has moved is.
func TestKernelFlowerLeavesFiltersOfAnEarlierRunAlone(t *testing.T) {
	n := newNetwork(t)
	bindings := []role.Binding{{HomeAddress: hoa1, CareOf: coa1}, {HomeAddress: hoa2, CareOf: coa2}}
	f := n.openFlower(t)
	if errs := f.Set(bindings); errs != nil {
		t.Fatal(errs)
	}
	f.Close()

	var fd int
	var err error
	n.ha.Do(func() {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		err = errors.Join(err, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_TC - 1)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	filters := func() (changes int) {
		t.Helper()
		buf := make([]byte, 1<<16)
		for {
			_, _, err := unix.Recvfrom(fd, buf, 0)
			if errors.Is(err, unix.EAGAIN) {
				return changes
			}
			if err != nil {
				t.Fatal(err)
			}
			if typ := binary.NativeEndian.Uint16(buf[4:]); typ == unix.RTM_NEWTFILTER || typ == unix.RTM_DELTFILTER {
				changes++
			}
		}
	}
	again := func(bindings ...role.Binding) {
		t.Helper()
		f := n.openFlower(t)
		if errs := f.Set(bindings); errs != nil {
			t.Fatal(errs)
		}
		if _, err := f.Settle(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	again(bindings...)
	if n := filters(); n != 0 {
		t.Errorf("the same again: %d changes", n)
	}
	bindings[0].CareOf = coa2
	again(bindings...)
	if n := filters(); n != 1 {
		t.Errorf("one has moved: %d changes, want 1", n)
	}
}
