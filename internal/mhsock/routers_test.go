package mhsock

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
	"mip6d/test/nslab"
	"mip6d/test/testkernel"
)

// routerAdvertisement is a small valid one.
func routerAdvertisement(t *testing.T, src, dst netip.Addr) []byte {
	t.Helper()
	b, err := icmp6.Marshal(&icmp6.RouterAdvertisement{CurHopLimit: 64, HomeAgent: true, RouterLifetime: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	icmp6.SetChecksum(b, src, dst)
	return b
}

func TestRFC4861_6_1_2_InvalidAdvertisements(t *testing.T) {
	router, allNodes := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1")
	valid := func() packet {
		return packet{src: router, dst: allNodes, hopLimit: 255, body: routerAdvertisement(t, router, allNodes)}
	}
	if ra, err := advertisement(valid()); err != nil || !ra.HomeAgent || ra.RouterLifetime != 30*time.Second {
		t.Fatalf("the valid advertisement gave %+v, %v", ra, err)
	}
	for name, change := range map[string]func(*packet){
		"hop limit 254":            func(p *packet) { p.hopLimit = 254 },
		"hop limit not told":       func(p *packet) { p.hopLimit = -1 },
		"global source":            func(p *packet) { p.src = ha },
		"code 1":                   func(p *packet) { p.body[1] = 1 },
		"cut short":                func(p *packet) { p.body = p.body[:15] },
		"option of length 0":       func(p *packet) { p.body = append(p.body, 5, 0, 0, 0, 0, 0, 0, 0) },
		"another type":             func(p *packet) { p.body[0] = 133 },
		"with a Home Address":      func(p *packet) { p.home = hoa },
		"with a routing header":    func(p *packet) { p.routing = hoa },
		"truncated by the receive": func(p *packet) { p.incomprehend = true },
	} {
		p := valid()
		change(&p)
		if ra, err := advertisement(p); err == nil {
			t.Errorf("%s: found valid: %+v", name, ra)
		}
	}
}

// link is a router and a mobile node on one link.
func newRouterLink(t *testing.T) (mn, router *nslab.Node) {
	testkernel.Require(t)
	mn, router = nslab.NewNode(t, "mn"), nslab.NewNode(t, "router")
	nslab.Join(t, mn, "wan", router, "wan")
	return mn, router
}

func TestKernelRouterAdvertisements(t *testing.T) {
	mn, router := newRouterLink(t)
	other := nslab.NewNode(t, "other")
	nslab.Join(t, mn, "lan", other, "wan")
	var c counts
	var r *Routers
	var err error
	wan := mn.Index("wan")
	mn.Do(func() { r, err = ListenRouters(func(i int) bool { return i == wan }, c.add) })
	if err != nil {
		t.Fatal(err)
	}
	events := start(t, r)
	allNodes := netip.MustParseAddr("ff02::1")
	from := router.LinkLocal("wan")
	router.Address("wan", "2001:db8:2::1/64")

	// send sends an advertisement with a hop limit, from a source.
	send := func(n *nslab.Node, src, dst netip.Addr, hops int) {
		t.Helper()
		var fd int
		var err error
		n.Do(func() { fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6) })
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		for _, opt := range []int{unix.IPV6_MULTICAST_HOPS, unix.IPV6_UNICAST_HOPS} {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, opt, hops); err != nil {
				t.Fatal(err)
			}
		}
		oob := ancillary{ifindex: n.Index("wan"), local: src}.encode()
		to := &unix.SockaddrInet6{Addr: dst.As16(), ZoneId: uint32(n.Index("wan"))}
		if _, err := unix.SendmsgN(fd, routerAdvertisement(t, src, dst), oob, to, 0); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	expect := func() {
		t.Helper()
		e, ok := next(t, events).(role.RouterSeen)
		if e.At.Before(begin) || e.At.After(time.Now()) {
			t.Errorf("received at %v", e.At)
		}
		if !ok || e.Ifindex != wan || e.Router != from || !e.RA.HomeAgent {
			t.Errorf("received %+v", e)
		}
	}
	send(router, from, allNodes, 255)
	expect()
	send(router, from, mn.LinkLocal("wan"), 255) // in answer to a solicitation
	expect()
	send(router, from, allNodes, 64)                                  // from afar
	send(router, netip.MustParseAddr("2001:db8:2::1"), allNodes, 255) // source
	send(other, other.LinkLocal("wan"), allNodes, 255)                // an interface that is not ours
	nothing(t, events)
	if n := c.of(CountBadAdvertisement); n != 1 {
		t.Errorf("%d counted as invalid, want 1", n)
	}
	if n := c.of(CountFarAdvertisement); n != 1 {
		t.Errorf("%d counted for their hop limit, want 1", n)
	}
	if n := c.of(CountAdvertisement); n != 2 {
		t.Errorf("%d counted as valid, want 2", n)
	}
}

// The kernel's own solicitation waits for the link-local address's duplicate
// address detection; ours leaves as soon as the link is up.
func TestKernelSolicitationLeavesAtLinkUp(t *testing.T) {
	mn, router := newRouterLink(t)
	var s *Solicitor
	var err error
	mn.Do(func() { s, err = NewSolicitor() })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wire := sniff(t, router)
	if err := unix.SetsockoptInt(wire, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		t.Fatal(err)
	}
	mn.Sysctl("net/ipv6/conf/wan/accept_dad", "1")
	want := solicitation()
	updates := make(chan netlink.LinkUpdate, 64)
	done := make(chan struct{})
	defer close(done)
	mn.Do(func() { err = netlink.LinkSubscribe(updates, done) })
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		mn.Down("wan")
		time.Sleep(100 * time.Millisecond)
		for len(updates) > 0 {
			<-updates
		}
		setUp := time.Now()
		mn.Up("wan")
		for u := range updates {
			if u.Attrs().OperState == netlink.OperUp {
				break
			}
		}
		told := time.Now()
		if err := s.SolicitRouter(role.SolicitRouter{Ifindex: mn.Index("wan")}); err != nil {
			t.Fatal(err)
		}
		at := timestamp(t, wire, func(b []byte) bool { return cmp.Equal(b, want) })
		t.Logf("link set up, told after %v; the solicitation was on the wire %v after being told", told.Sub(setUp), at.Sub(told))
		if addrs, err := mn.NL.AddrList(mn.Link("wan"), netlink.FAMILY_V6); err != nil {
			t.Fatal(err)
		} else {
			for _, a := range addrs {
				if a.Flags&unix.IFA_F_TENTATIVE == 0 {
					t.Errorf("%v is not tentative any more: the test shows nothing", a)
				}
			}
		}
		if wait := at.Sub(told); wait > 100*time.Millisecond {
			t.Errorf("the solicitation left %v after the link was up", wait)
		}
	}
	if err := s.SolicitRouter(role.SolicitRouter{Ifindex: 9999}); err == nil {
		t.Error("no error for an interface that does not exist")
	} else {
		t.Log(err)
	}
}

// timestamp returns the kernel's time of the first packet that pleases want.
func timestamp(t *testing.T, fd int, want func([]byte) bool) time.Time {
	t.Helper()
	buf, oob := make([]byte, 4096), make([]byte, 256)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		n, oobn, _, _, err := unix.Recvmsg(fd, buf, oob, 0)
		if err != nil || !want(buf[:n]) {
			continue
		}
		msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range msgs {
			if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS {
				sec, nsec := int64(word(m.Data[:8])), int64(word(m.Data[8:16]))
				return time.Unix(sec, nsec)
			}
		}
		t.Fatal("the packet came without a time stamp")
	}
	t.Fatal("the solicitation was not seen on the wire")
	return time.Time{}
}
