package proxynd

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/icmp6"
	"mip6d/internal/ingress"
	"mip6d/internal/role"
	"mip6d/test/nslab"
	"mip6d/test/testkernel"
)

// homeLink is an Ethernet with a switch, a home agent and two hosts.
type homeLink struct {
	ha, host, other *nslab.Node
	ifindex         int // the home agent's
}

func newHomeLink(t *testing.T) *homeLink {
	testkernel.Require(t)
	l := &homeLink{ha: nslab.NewNode(t, "ha"), host: nslab.NewNode(t, "host"), other: nslab.NewNode(t, "other")}
	sw := nslab.NewNode(t, "switch")
	for name, n := range map[string]*nslab.Node{"ha": l.ha, "host": l.host, "other": l.other} {
		nslab.Join(t, n, "lan", sw, name)
	}
	sw.Bridge("br", "ha", "host", "other")
	l.ha.Address("lan", ours.String()+"/64")
	l.host.Address("lan", host.String()+"/64")
	l.other.Address("lan", "2001:db8:1::3/64")
	l.ha.Sysctl("net/ipv6/conf/all/forwarding", "1")
	for _, n := range []*nslab.Node{l.ha, l.host, l.other} {
		n.LinkLocal("lan")
	}
	l.ifindex = l.ha.Index("lan")
	return l
}

// responderOn runs a responder on a node until the test ends.
type running struct {
	*Conn
	events chan role.Event
	mu     sync.Mutex
	counts map[role.Counter]int
}

func (r *running) counted(c role.Counter) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[c]
}

func run(t *testing.T, n *nslab.Node, source netip.Addr, p Params) *running {
	t.Helper()
	r := &running{events: make(chan role.Event, 4096), counts: make(map[role.Counter]int)}
	var err error
	n.Do(func() {
		r.Conn, err = Open(Config{Ifindex: n.Index("lan"), Source: source, Params: p, Count: func(c role.Counter) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.counts[c]++
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx, func(e role.Event) { r.events <- e }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run did not end with its context")
		}
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

func (l *homeLink) binding(hoa netip.Addr) role.Binding {
	return role.Binding{HomeAddress: hoa, CareOf: netip.MustParseAddr("2001:db8:2::11"), HomeAgent: ours, Ifindex: l.ifindex}
}

// capture records the neighbour advertisements that come in on a node's link.
type capture struct {
	t  testing.TB
	fd int
}

func newCapture(t testing.TB, n *nslab.Node) *capture {
	t.Helper()
	var fd int
	var err error
	proto := networkOrder(unix.ETH_P_IPV6)
	n.Do(func() { fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(proto)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: n.Index("lan"), Protocol: proto}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		t.Fatal(err)
	}
	return &capture{t, fd}
}

// heard is an advertisement and when it came.
type heard struct {
	seen
	at time.Time
}

// advertisements returns those for target that come within d, or the first few
// of them.
func (c *capture) advertisements(target netip.Addr, d time.Duration, enough int) []heard {
	c.t.Helper()
	var got []heard
	buf := make([]byte, 2048)
	tv := unix.NsecToTimeval((5 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		c.t.Fatal(err)
	}
	for end := time.Now().Add(d); time.Now().Before(end) && len(got) < enough; {
		n, from, err := unix.Recvfrom(c.fd, buf, 0)
		if err != nil || from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if m, ok := parse(buf[:n]); ok && !m.solicit && m.target == target {
			s := seen{}
			f := append([]byte(nil), buf[:n]...)
			s = look(c.t.(*testing.T), f)
			got = append(got, heard{s, time.Now()})
		}
	}
	return got
}

// solicit sends a frame from a node.
func (c *capture) send(n *nslab.Node, frame []byte) {
	c.t.Helper()
	if err := unix.Sendto(c.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: n.Index("lan"), Halen: 6}); err != nil {
		c.t.Fatal(err)
	}
}

func mac(n *nslab.Node) linkAddr { return linkAddr(n.MAC("lan")) }

// Requirements: 6275-8.4-2, 6275-10.3.2-9, 6275-10.4.1-10, 6275-10.4.1-11
func TestKernelRFC6275_10_4_1_AnswersOnTheWire(t *testing.T) {
	l := newHomeLink(t)
	r := run(t, l.ha, ours, Params{})
	mobileRouter := l.binding(router)
	mobileRouter.Router = true
	withLinkLocal := l.binding(hoa)
	withLinkLocal.LinkLocal = hoaLL
	r.Set([]role.Binding{withLinkLocal, mobileRouter})
	haMAC, from := mac(l.ha), mac(l.host)
	c := newCapture(t, l.host)
	option := append([]byte{optTargetLinkAddr, 1}, haMAC[:]...)
	group := func(a netip.Addr) (netip.Addr, linkAddr) {
		return icmp6.SolicitedNode(a), multicastLinkAddr(icmp6.SolicitedNode(a))
	}

	tests := []struct {
		name   string
		target netip.Addr
		frame  func() []byte
		want   seen
	}{
		{"multicast", hoa, func() []byte {
			g, m := group(hoa)
			return build(from, m, host, g, typeNS, 0, hoa, optSourceLinkAddr, from)
		}, seen{To: from, Dst: host, Flags: flagSolicited}},
		{"unicast", hoa, func() []byte {
			return build(from, haMAC, host, hoa, typeNS, 0, hoa, 0, linkAddr{})
		}, seen{To: from, Dst: host, Flags: flagSolicited}},
		{"router", router, func() []byte {
			g, m := group(router)
			return build(from, m, host, g, typeNS, 0, router, optSourceLinkAddr, from)
		}, seen{To: from, Dst: host, Flags: flagSolicited | flagRouter}},
		{"link-local", hoaLL, func() []byte {
			g, m := group(hoaLL)
			return build(from, m, host, g, typeNS, 0, hoaLL, optSourceLinkAddr, from)
		}, seen{To: from, Dst: host, Flags: flagSolicited}},
		{"probe", hoa, func() []byte {
			g, m := group(hoa)
			return build(from, m, noAddr, g, typeNS, 0, hoa, 0, linkAddr{})
		}, seen{To: allNodesLink, Dst: allNodes, Flags: flagOverride}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := time.Now()
			c.send(l.host, tt.frame())
			got := c.advertisements(tt.target, 200*time.Millisecond, 9)
			if len(got) != 1 {
				t.Fatalf("%d answers, want 1", len(got))
			}
			t.Logf("answered after %v", got[0].at.Sub(sent))
			tt.want.From, tt.want.Src, tt.want.Target = haMAC, ours, tt.target
			tt.want.Hops, tt.want.Type, tt.want.Options = 255, typeNA, option
			if diff := cmp.Diff(tt.want, got[0].seen, cmpAddr()); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}

	bad := build(from, haMAC, host, hoa, typeNS, 0, hoa, 0, linkAddr{})
	bad[bodyAt+2] ^= 1
	c.send(l.host, bad)
	far := build(from, haMAC, host, hoa, typeNS, 0, hoa, 0, linkAddr{})
	far[etherLen+7] = 254
	c.send(l.host, far)
	if got := c.advertisements(hoa, 100*time.Millisecond, 1); len(got) != 0 {
		t.Errorf("answered an invalid solicitation: %+v", got)
	}
	if n := r.counted(CountInvalid); n != 1 {
		t.Errorf("%d messages counted as invalid, want 1", n)
	}
	if n := r.counted(CountHopLimit); n != 1 {
		t.Errorf("%d messages counted for their hop limit, want 1", n)
	}

	r.Clear([]netip.Addr{hoa})
	c.send(l.host, tests[1].frame())
	if got := c.advertisements(hoa, 100*time.Millisecond, 1); len(got) != 0 {
		t.Error("answered for an address after Clear")
	}
}

// Hosts' kernels believe the answers, and the home agent's own kernel learns
// nothing of a defended address, with the gate of internal/ingress before it.
func TestKernelHostsResolveTheHomeAddress(t *testing.T) {
	l := newHomeLink(t)
	var gate *ingress.Gate
	var err error
	l.ha.Do(func() { gate, err = ingress.New(ingress.Config{HomeLinks: []int{l.ifindex}}) })
	if err != nil {
		t.Fatal(err)
	}
	defer gate.Close()
	r := run(t, l.ha, ours, Params{})
	bindings := []role.Binding{l.binding(hoa), l.binding(router)}
	bindings[1].Router = true
	r.Set(bindings)
	if errs := gate.Set(bindings); errs != nil {
		t.Fatal(errs)
	}

	for _, a := range []netip.Addr{hoa, router} {
		// Stands in for the tunnel route that every binding has.
		if err := l.ha.NL.RouteReplace(&netlink.Route{
			Dst: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(128, 128)}, Type: unix.RTN_BLACKHOLE,
		}); err != nil {
			t.Fatal(err)
		}
		sendUDP(t, l.host, a)
		nslab.Eventually(t, "the host resolves "+a.String(), func() bool {
			e, ok := l.host.Neighbours("lan")[a]
			return ok && e.State&(netlink.NUD_REACHABLE|netlink.NUD_STALE|netlink.NUD_DELAY) != 0
		})
		e := l.host.Neighbours("lan")[a]
		if linkAddr(e.HardwareAddr) != mac(l.ha) {
			t.Errorf("the host sends packets for %s to %s, want %s", a, e.HardwareAddr, l.ha.MAC("lan"))
		}
		if isRouter := e.Flags&netlink.NTF_ROUTER != 0; isRouter != (a == router) {
			t.Errorf("the host takes %s for a router: %v", a, isRouter)
		}
	}
	// The host's entry is confirmed by unicast solicitations, and someone who
	// claims the address talks to the home agent.
	c := newCapture(t, l.host)
	from := mac(l.host)
	c.send(l.host, build(from, mac(l.ha), host, hoa, typeNS, 0, hoa, 0, linkAddr{}))
	c.send(l.host, build(from, mac(l.ha), hoa, ours, typeNS, 0, ours, optSourceLinkAddr, from))
	c.advertisements(hoa, 200*time.Millisecond, 9)
	for a, e := range l.ha.Neighbours("lan") {
		if a == hoa || a == router {
			t.Errorf("the home agent's kernel has the neighbour %v for the defended %s", e, a)
		}
	}
}

// sendUDP makes a node look for an address.
func sendUDP(t *testing.T, n *nslab.Node, to netip.Addr) {
	t.Helper()
	n.Do(func() {
		conn, err := net.DialUDP("udp6", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	})
}

// Requirements: 6275-10.4.1-12
func TestKernelDefendsAgainstDuplicateAddressDetection(t *testing.T) {
	l := newHomeLink(t)
	r := run(t, l.ha, ours, Params{})
	r.Set([]role.Binding{l.binding(hoa)})
	l.other.Sysctl("net/ipv6/conf/lan/accept_dad", "1")
	l.other.Sysctl("net/ipv6/conf/lan/dad_transmits", "1")
	for a, duplicate := range map[netip.Addr]bool{hoa: true, router: false} {
		addr, err := netlink.ParseAddr(a.String() + "/64")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.other.NL.AddrAdd(l.other.Link("lan"), addr); err != nil {
			t.Fatal(err)
		}
		flags := func() int {
			list, err := l.other.NL.AddrList(l.other.Link("lan"), netlink.FAMILY_V6)
			for errors.Is(err, netlink.ErrDumpInterrupted) { // it changed while it was told
				list, err = l.other.NL.AddrList(l.other.Link("lan"), netlink.FAMILY_V6)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if got, _ := netip.AddrFromSlice(e.IP); got == a {
					return e.Flags
				}
			}
			return unix.IFA_F_DADFAILED // taken away
		}
		nslab.Eventually(t, "duplicate address detection ends", func() bool {
			f := flags()
			return f&unix.IFA_F_TENTATIVE == 0 || f&unix.IFA_F_DADFAILED != 0
		})
		if got := flags()&unix.IFA_F_DADFAILED != 0; got != duplicate {
			t.Errorf("%s was found a duplicate: %v, want %v", a, got, duplicate)
		}
	}
	if n := r.counted(CountDefended); n != 1 {
		t.Errorf("%d probes counted as answered, want 1", n)
	}
}

// next waits for one event.
func (r *running) next(t *testing.T, within time.Duration) role.DADDone {
	t.Helper()
	select {
	case e := <-r.events:
		return e.(role.DADDone)
	case <-time.After(within):
		t.Fatalf("no event within %v", within)
		return role.DADDone{}
	}
}

// Requirements: 6275-10.3.1-11, 6275-10.3.1-12
func TestKernelStartDAD(t *testing.T) {
	l := newHomeLink(t)
	r := run(t, l.ha, ours, Params{})
	r.Set([]role.Binding{l.binding(router)}) // defending does not disturb
	l.other.Address("lan", hoa.String()+"/64")
	l.other.Address("lan", hoaLL.String()+"/64")
	c := newCapture(t, l.host)

	t.Run("in use", func(t *testing.T) {
		for _, a := range []netip.Addr{hoa, hoaLL} {
			begin := time.Now()
			r.StartDAD(a)
			got := r.next(t, 3*time.Second)
			if diff := cmp.Diff(role.DADDone{Ifindex: l.ifindex, Addr: a, Duplicate: true}, got, cmpAddr()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			t.Logf("told after %v", time.Since(begin))
		}
	})
	t.Run("free", func(t *testing.T) {
		begin := time.Now()
		r.StartDAD(router)
		got := r.next(t, 5*time.Second)
		if diff := cmp.Diff(role.DADDone{Ifindex: l.ifindex, Addr: router}, got, cmpAddr()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if took := time.Since(begin); took < time.Second || took > 1500*time.Millisecond {
			t.Errorf("took %v, want RetransTimer, 1 s", took)
		}
	})
	t.Run("another probes at the same time", func(t *testing.T) {
		a := netip.MustParseAddr("2001:db8:1::77")
		r.StartDAD(a)
		time.Sleep(50 * time.Millisecond)
		from := mac(l.host)
		c.send(l.host, build(from, multicastLinkAddr(icmp6.SolicitedNode(a)), noAddr, icmp6.SolicitedNode(a), typeNS, 0, a, 0, linkAddr{}))
		if got := r.next(t, 900*time.Millisecond); !got.Duplicate || got.Addr != a {
			t.Errorf("got %+v, want a duplicate", got)
		}
	})
	select {
	case e := <-r.events:
		t.Errorf("one event too many: %+v", e)
	case <-time.After(1200 * time.Millisecond):
	}
}

func TestKernelStartDADThousandsInParallel(t *testing.T) {
	l := newHomeLink(t)
	r := run(t, l.ha, ours, Params{RetransTimer: 2 * time.Second})
	const probes, used = 3000, 7
	addr := func(i int) netip.Addr {
		a := netip.MustParseAddr("2001:db8:1::1:0").As16()
		a[14], a[15] = byte(i>>8), byte(i)
		return netip.AddrFrom16(a)
	}
	for i := range probes {
		if i%(probes/used) == 5 {
			l.other.Address("lan", addr(i).String()+"/64")
		}
	}
	begin := time.Now()
	for i := range probes {
		r.StartDAD(addr(i))
	}
	ordered := time.Since(begin)
	duplicates, free := 0, 0
	for range probes {
		if r.next(t, 10*time.Second).Duplicate {
			duplicates++
		} else {
			free++
		}
	}
	t.Logf("%d probes ordered in %v, all answered after %v", probes, ordered, time.Since(begin))
	if duplicates != used || free != probes-used {
		t.Errorf("%d duplicates and %d free, want %d and %d", duplicates, free, used, probes-used)
	}
}

// Requirements: 3963-6.2-9, 6275-10.4.1-3, 6275-10.4.1-4, 6275-10.4.1-5, 6275-10.4.1-6, 6275-10.4.1-7
// Requirements: 6275-10.4.1-8, 6275-10.4.1-9
func TestKernelRFC6275_10_4_1_Advertise(t *testing.T) {
	l := newHomeLink(t)
	const retrans = 250 * time.Millisecond
	r := run(t, l.ha, ours, Params{RetransTimer: retrans})
	// The host still knows the mobile node at home.
	away := net.HardwareAddr{2, 0, 0, 0, 0, 99}
	if err := l.host.NL.NeighSet(&netlink.Neigh{
		LinkIndex: l.host.Index("lan"), Family: netlink.FAMILY_V6, State: netlink.NUD_REACHABLE,
		IP: hoa.AsSlice(), HardwareAddr: away,
	}); err != nil {
		t.Fatal(err)
	}
	c := newCapture(t, l.host)
	r.Set([]role.Binding{l.binding(hoa), l.binding(router)})
	r.Advertise(hoa, false)
	got := c.advertisements(hoa, 4*retrans, 9)
	if len(got) != 3 {
		t.Fatalf("%d advertisements, want MAX_NEIGHBOR_ADVERTISEMENT, 3", len(got))
	}
	for i := 1; i < 3; i++ {
		if gap := got[i].at.Sub(got[i-1].at); gap < retrans-20*time.Millisecond {
			t.Errorf("advertisements %d and %d are %v apart, want RetransTimer", i-1, i, gap)
		}
	}
	haMAC := mac(l.ha)
	want := seen{
		To: allNodesLink, From: haMAC, Src: ours, Dst: allNodes, Target: hoa, Hops: 255,
		Type: typeNA, Flags: flagOverride, Options: append([]byte{optTargetLinkAddr, 1}, haMAC[:]...),
	}
	if diff := cmp.Diff(want, got[0].seen, cmpAddr()); diff != "" {
		t.Errorf("advertisement (-want +got):\n%s", diff)
	}
	if e := l.host.Neighbours("lan")[hoa]; linkAddr(e.HardwareAddr) != haMAC {
		t.Errorf("the host still sends to %v", e.HardwareAddr)
	}

	r.Advertise(router, true)
	first := c.advertisements(router, retrans, 1)
	if len(first) != 1 || first[0].Flags != flagOverride|flagRouter {
		t.Errorf("got %+v for the mobile router, want the R and O flags", first)
	}
	r.Clear([]netip.Addr{router})
	if late := c.advertisements(router, 4*retrans, 9); len(late) != 0 {
		t.Errorf("%d advertisements after Clear", len(late))
	}
}

// The responder lives on when its link goes down and comes back.
func TestKernelLinkDownAndUp(t *testing.T) {
	l := newHomeLink(t)
	r := run(t, l.ha, ours, Params{})
	r.Set([]role.Binding{l.binding(hoa)})
	c := newCapture(t, l.host)
	l.ha.Down("lan")
	time.Sleep(50 * time.Millisecond)
	l.ha.Up("lan")
	l.ha.WaitCarrier("lan")
	from, g := mac(l.host), icmp6.SolicitedNode(hoa)
	nslab.Eventually(t, "an answer after the link came back", func() bool {
		c.send(l.host, build(from, multicastLinkAddr(g), host, g, typeNS, 0, hoa, optSourceLinkAddr, from))
		return len(c.advertisements(hoa, 50*time.Millisecond, 1)) == 1
	})
}

// A switch that snoops must hear of the solicited-node groups, but not of any
// number of them.
func TestKernelJoinsGroups(t *testing.T) {
	l := newHomeLink(t)
	r := run(t, l.ha, ours, Params{})
	var bindings []role.Binding
	for i := range maxGroups + 50 {
		a := netip.MustParseAddr("2001:db8:1::2:0").As16()
		a[14], a[15] = byte(i>>8), byte(i)
		bindings = append(bindings, l.binding(netip.AddrFrom16(a)))
	}
	before := joinedGroups(t, l.ha)
	r.Set(bindings)
	nslab.Eventually(t, "groups are joined up to the bound", func() bool {
		return joinedGroups(t, l.ha) == before+maxGroups
	})
	var hoas []netip.Addr
	for _, b := range bindings {
		hoas = append(hoas, b.HomeAddress)
	}
	r.Clear(hoas[:100])
	time.Sleep(200 * time.Millisecond)
	if n := joinedGroups(t, l.ha); n != before+maxGroups-50 {
		t.Errorf("%d groups joined with %d wanted, want as many", n-before, maxGroups-50)
	}
	r.Clear(hoas[100:])
	nslab.Eventually(t, "groups are left", func() bool { return joinedGroups(t, l.ha) == before })
}

func TestKernelLinksDispatch(t *testing.T) {
	testkernel.Require(t)
	ha, peer := nslab.NewNode(t, "ha"), nslab.NewNode(t, "peer")
	nslab.Join(t, ha, "lan", peer, "a")
	nslab.Join(t, ha, "lan2", peer, "b")
	var links *Links
	var err error
	ha.Do(func() {
		links, err = OpenLinks([]Config{{Ifindex: ha.Index("lan"), Source: ours}, {Ifindex: ha.Index("lan2"), Source: ours}})
	})
	if err != nil {
		t.Fatal(err)
	}
	defer links.Close()
	one, two := links.conns[ha.Index("lan")].resp, links.conns[ha.Index("lan2")].resp
	set := func(hoa netip.Addr, ifindex int, ll netip.Addr) {
		t.Helper()
		if errs := links.Set([]role.Binding{{HomeAddress: hoa, Ifindex: ifindex, LinkLocal: ll}}); errs != nil {
			t.Fatal(errs)
		}
	}
	expect := func(what string, r *responder, want ...netip.Addr) {
		t.Helper()
		if len(r.addrs) != len(want) {
			t.Errorf("%s: %v defended, want %v", what, r.addrs, want)
		}
		for _, a := range want {
			if !r.addrs.has(a) {
				t.Errorf("%s: %s is not defended", what, a)
			}
		}
	}
	i1, i2 := ha.Index("lan"), ha.Index("lan2")
	set(hoa, i1, hoaLL)
	set(hoa, i1, hoaLL) // again
	set(router, i1, hoaLL)
	expect("set", one, hoa, router, hoaLL)
	links.Clear([]netip.Addr{hoa})
	expect("the link-local address is still wanted", one, router, hoaLL)
	set(router, i2, netip.Addr{})
	expect("moved away", one)
	expect("moved here", two, router)
	set(router, 0, netip.Addr{})
	expect("virtual home link", two)
	if errs := links.Set([]role.Binding{{HomeAddress: hoa}, {HomeAddress: hoa, Ifindex: 9999}}); len(errs) != 2 || errs[0] != nil || errs[1] == nil {
		t.Errorf("unknown link: errors %v, want the second only", errs)
	}
}
