package rtnl

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelRestartLeavesRoutesAlone: a second run that wants what the first has
// left changes nothing; what it doesn't want goes, and what it wants otherwise is
// replaced.
func TestKernelRestartLeavesRoutesAlone(t *testing.T) {
	testkernel.Namespace(t)
	link(t)
	binding := func(n byte, careOf netip.Addr) role.Binding {
		a := hoa.As16()
		a[15] = n
		return role.Binding{HomeAddress: netip.AddrFrom16(a), CareOf: careOf, HomeAgent: ha}
	}
	router := binding(1, coa.Next())
	router.MobilePrefixes = []netip.Prefix{netip.MustParsePrefix("fdca:fe00::/56")}
	first := []role.Binding{router, binding(2, coa.Next()), binding(3, coa.Next()), binding(4, coa.Next())}
	run := func(want ...role.Binding) (swept int) {
		t.Helper()
		b, err := OpenBindings(Marks{})
		must(t, err)
		must(t, errors.Join(b.Set(want)...))
		swept, err = b.Settle()
		must(t, err)
		must(t, b.Close())
		return swept
	}
	run(first...)
	news := listen(t)
	if swept := run(first...); swept != 0 || news.routes() != 0 {
		t.Errorf("the same again: %d swept", swept)
	}
	if n := news.routes(); n != 0 {
		t.Errorf("the same again: %d changes", n)
	}
	run(router, binding(2, coa.Next()), binding(3, coa.Next().Next()))
	if n := news.routes(); n != 2 {
		t.Errorf("one moved and one gone: %d changes, want 2", n)
	}
	run()
	if n := news.routes(); n != 5 { // three home addresses, a network and its way round
		t.Errorf("none left: %d changes, want 5", n)
	}
}

// routeNews counts what the kernel tells of routes of our protocol number.
type routeNews struct {
	t  *testing.T
	fd int
}

func listen(t *testing.T) routeNews {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_IPV6_ROUTE - 1)}))
	return routeNews{t, fd}
}

func (r routeNews) routes() (n int) {
	r.t.Helper()
	buf := make([]byte, 1<<16)
	for {
		size, _, err := unix.Recvfrom(r.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return n
		}
		must(r.t, err)
		if x, ok := decodeRoute(buf[unix.SizeofNlMsghdr:size]); ok && x.protocol == (Marks{}).withDefaults().RouteProtocol {
			n++
			r.t.Logf("message %d: %+v", native.Uint16(buf[4:]), x)
		}
	}
}
