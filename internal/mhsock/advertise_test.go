package mhsock

import (
	"bytes"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
	"mip6d/test/nslab"
)

// Solicitations as RFC 4861 §6.1.1 wants them, and others.
func TestRFC4861_6_1_1_InvalidSolicitations(t *testing.T) {
	host, allRouters := netip.MustParseAddr("fe80::9"), netip.MustParseAddr("ff02::2")
	linkAddr := []byte{1, 1, 2, 0, 0, 0, 0, 9}
	valid := func() packet {
		return packet{src: host, dst: allRouters, hopLimit: 255, body: append([]byte{133, 0, 0, 0, 0, 0, 0, 0}, linkAddr...)}
	}
	if !validSolicitation(valid()) {
		t.Fatal("the valid one isn't")
	}
	nobody := valid()
	nobody.src, nobody.body = netip.IPv6Unspecified(), nobody.body[:8]
	if !validSolicitation(nobody) {
		t.Error("one from a node without an address isn't valid")
	}
	for name, change := range map[string]func(*packet){
		"hop limit 254":                       func(p *packet) { p.hopLimit = 254 },
		"hop limit not told":                  func(p *packet) { p.hopLimit = -1 },
		"code 1":                              func(p *packet) { p.body[1] = 1 },
		"cut short":                           func(p *packet) { p.body = p.body[:7] },
		"option of length 0":                  func(p *packet) { p.body[9] = 0 },
		"another type":                        func(p *packet) { p.body[0] = 134 },
		"from nobody, with an address option": func(p *packet) { p.src = netip.IPv6Unspecified() },
		"with a Home Address":                 func(p *packet) { p.home = hoa },
		"with a routing header":               func(p *packet) { p.routing = hoa },
		"truncated by the receive":            func(p *packet) { p.incomprehend = true },
	} {
		p := valid()
		change(&p)
		if validSolicitation(p) {
			t.Errorf("%s: found valid", name)
		}
	}
}

func openHomeLinks(t *testing.T, n *nslab.Node, count func(role.Counter)) (*HomeLinks, <-chan role.Event) {
	t.Helper()
	var h *HomeLinks
	var err error
	n.Do(func() { h, err = OpenHomeLinks(count) })
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Join(n.Index("wan")); err != nil {
		t.Fatal(err)
	}
	if err := h.Join(n.Index("wan")); err != nil { // two home links on one interface
		t.Fatal(err)
	}
	return h, start(t, h)
}

// What the home agent sends arrives as valid, and what hosts ask is heard.
func TestKernelHomeLink(t *testing.T) {
	mn, agent := newRouterLink(t)
	agent.Sysctl("net/ipv6/conf/all/forwarding", "1")
	var c counts
	h, asked := openHomeLinks(t, agent, c.add)
	var r *Routers
	var err error
	mn.Do(func() { r, err = ListenRouters(func(int) bool { return true }, c.add) })
	if err != nil {
		t.Fatal(err)
	}
	seen := start(t, r)

	from := agent.LinkLocal("wan")
	raw := routerAdvertisement(t, from, allNodes)
	raw[2], raw[3] = 0, 0
	if err := h.AdvertiseRouter(role.AdvertiseRouter{Ifindex: agent.Index("wan"), Raw: raw}); err != nil {
		t.Fatal(err)
	}
	if e, ok := next(t, seen).(role.RouterSeen); !ok || e.Router != from || !e.RA.HomeAgent {
		t.Errorf("the mobile node saw %+v", e)
	}

	host := mn.LinkLocal("wan")
	solicit := func(hops int) {
		t.Helper()
		var fd int
		mn.Do(func() { fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6) })
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, hops); err != nil {
			t.Fatal(err)
		}
		oob := ancillary{ifindex: mn.Index("wan"), local: host}.encode()
		to := &unix.SockaddrInet6{Addr: allRouters.As16(), ZoneId: uint32(mn.Index("wan"))}
		if _, err := unix.SendmsgN(fd, []byte{133, 0, 0, 0, 0, 0, 0, 0}, oob, to, 0); err != nil {
			t.Fatal(err)
		}
	}
	for len(asked) > 0 { // the kernel's own, from when the link came up
		<-asked
	}
	before := c.of(CountBadSolicitation)
	solicit(64)
	solicit(255)
	e, ok := next(t, asked).(role.RouterSolicited)
	if !ok || e.Ifindex != agent.Index("wan") {
		t.Errorf("heard %+v", e)
	}
	if n := c.of(CountBadSolicitation) - before; n != 1 {
		t.Errorf("%d counted as invalid, want 1", n)
	}
}

// Requirements: 6275-8.4-9
func TestKernelRFC6275_8_4_PacketsToTheAnycastAddressAreAccepted(t *testing.T) {
	p := newPair(t)
	p.ha.Sysctl("net/ipv6/conf/all/forwarding", "1")
	mn, _ := listenICMP(t, p.mn)
	_, atHA := listenICMP(t, p.ha)
	prefixes := []netip.Prefix{netip.MustParsePrefix("2001:db8:2::/64"), netip.MustParsePrefix("2001:db8:1::/64")}
	request := func(to netip.Addr) []byte {
		t.Helper()
		raw, err := icmp6.Marshal(&icmp6.HomeAgentDiscoveryRequest{Identifier: 7})
		if err != nil {
			t.Fatal(err)
		}
		if err := mn.Send(role.SendICMP{Src: coa, Dst: to, Raw: bytes.Clone(raw)}); err != nil {
			t.Fatal(err)
		}
		return raw
	}
	request(icmp6.HomeAgentsAnycast(prefixes[1]))
	nothing(t, atHA) // before it is joined

	h, _ := openHomeLinks(t, p.ha, nil)
	for i, ifname := range []string{"wan", "lo"} { // a home link, and a virtual one
		to := icmp6.HomeAgentsAnycast(prefixes[i])
		if err := h.JoinAnycast(p.ha.Index(ifname), to); err != nil {
			t.Fatal(err)
		}
		request(to)
		if e, ok := next(t, atHA).(role.ICMPIn); !ok || e.Src != coa || e.Dst != to {
			t.Errorf("on %s: %+v", ifname, e)
		}
	}
}
