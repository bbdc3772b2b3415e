package mhsock

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
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

var haWAN = netip.MustParseAddr("2001:db8:2::1")

// pair is a mobile node with a care-of address and its home agent, neighbours.
type pair struct {
	mn, ha *nslab.Node
}

func newPair(t *testing.T) *pair {
	testkernel.Require(t)
	p := &pair{mn: nslab.NewNode(t, "mn"), ha: nslab.NewNode(t, "ha")}
	nslab.Join(t, p.mn, "wan", p.ha, "wan")
	p.mn.Address("wan", coa.String()+"/64")
	p.ha.Address("wan", haWAN.String()+"/64")
	p.ha.Address("lo", ha.String()+"/128")
	p.mn.Route("::/0", haWAN.String(), "wan")
	// The kernel processes a type 2 routing header only for an address that is
	// marked as a home address.
	home, err := netlink.ParseAddr(hoa.String() + "/128")
	if err != nil {
		t.Fatal(err)
	}
	home.Flags = unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS
	if err := p.mn.NL.AddrAdd(p.mn.Link("lo"), home); err != nil {
		t.Fatal(err)
	}
	admit(t, p.ha, protoDstOptions, protoMH, protoICMPv6)
	admit(t, p.mn, protoRouting, protoMH, protoICMPv6)
	return p
}

// listener is any of the sockets under test.
type listener interface {
	Run(context.Context, func(role.Event)) error
	Close() error
}

// start runs a listener until the test ends and returns its events.
func start(t *testing.T, l listener) <-chan role.Event {
	t.Helper()
	events := make(chan role.Event, 1<<16)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, func(e role.Event) { events <- e }) }()
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
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return events
}

// counts collects counters.
type counts struct {
	mu sync.Mutex
	m  map[role.Counter]int
}

func (c *counts) add(k role.Counter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[role.Counter]int)
	}
	c.m[k]++
}

func (c *counts) of(k role.Counter) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[k]
}

func listenMH(t *testing.T, n *nslab.Node, count func(role.Counter)) (*MH, <-chan role.Event) {
	t.Helper()
	var s *MH
	var err error
	n.Do(func() { s, err = ListenMH(nil, count) })
	if err != nil {
		t.Fatal(err)
	}
	return s, start(t, s)
}

func listenICMP(t *testing.T, n *nslab.Node) (*ICMP, <-chan role.Event) {
	t.Helper()
	var s *ICMP
	var err error
	n.Do(func() { s, err = ListenICMP(nil) })
	if err != nil {
		t.Fatal(err)
	}
	return s, start(t, s)
}

func next(t *testing.T, events <-chan role.Event) role.Event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was received")
		return nil
	}
}

func nothing(t *testing.T, events <-chan role.Event) {
	t.Helper()
	select {
	case e := <-events:
		t.Errorf("received %+v", e)
	case <-time.After(200 * time.Millisecond):
	}
}

// bindingUpdate is a Mobility Header of type 5 with a checksum that nobody
// verifies here.
func bindingUpdate(seq uint16) []byte {
	b := []byte{59, 1, 5, 0, 0xbe, 0xef, 0, 0, 0xc0, 0, 0, 15, 1, 2, 0, 0}
	binary.BigEndian.PutUint16(b[6:], seq)
	return b
}

func bindingAck(seq uint16) []byte {
	b := []byte{59, 1, 6, 0, 0xca, 0xfe, 0, 0, 0, 0, 0, 15, 1, 2, 0, 0}
	binary.BigEndian.PutUint16(b[8:], seq)
	return b
}

// sniff opens a packet socket on a node's wan interface.
func sniff(t *testing.T, n *nslab.Node) int {
	t.Helper()
	var fd int
	var err error
	proto := networkOrder(unix.ETH_P_ALL)
	n.Do(func() { fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(proto)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: n.Index("wan"), Protocol: proto}); err != nil {
		t.Fatal(err)
	}
	tv := unix.NsecToTimeval((20 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	return fd
}

// sniffed returns the next packet that came in and pleases want.
func sniffed(t *testing.T, fd int, want func(p []byte) bool) []byte {
	t.Helper()
	buf := make([]byte, 4096)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if err != nil || from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if want(buf[:n]) {
			return append([]byte(nil), buf[:n]...)
		}
	}
	t.Fatal("the packet was not seen on the wire")
	return nil
}

// Requirements: 6275-6.1.1-8, 6275-6.3-6, 6275-9.3.1-2
func TestKernelMobilityHeader(t *testing.T) {
	p := newPair(t)
	mn, atMN := listenMH(t, p.mn, nil)
	home, atHA := listenMH(t, p.ha, nil)
	mnIf, haIf := p.mn.Index("wan"), p.ha.Index("wan")
	wire := map[string]int{"ha": sniff(t, p.ha), "mn": sniff(t, p.mn)}
	addr := func(a netip.Addr) []byte { b := a.As16(); return b[:] }

	tests := []struct {
		name string
		send func() error
		at   <-chan role.Event
		want role.MessageIn
		wire string // where to look at the packet
		exts []byte // its extension headers
	}{
		{
			"Binding Update with a Home Address option",
			func() error {
				return mn.Send(role.Send{Ifindex: mnIf, Src: coa, Dst: ha, HomeAddress: hoa, Raw: bindingUpdate(1)})
			},
			atHA, role.MessageIn{Ifindex: haIf, Src: coa, Dst: ha, HomeAddress: hoa, Raw: bindingUpdate(1)},
			"ha", append([]byte{135, 2, 1, 2, 0, 0, 0xc9, 16}, addr(hoa)...),
		},
		{
			"Binding Acknowledgement with a type 2 routing header",
			func() error {
				return home.Send(role.Send{Src: ha, Dst: coa, RoutingHome: hoa, Raw: bindingAck(1)})
			},
			atMN, role.MessageIn{Ifindex: mnIf, Src: ha, Dst: coa, RoutingHome: hoa, Raw: bindingAck(1)},
			"mn", append([]byte{135, 2, 2, 1, 0, 0, 0, 0}, addr(hoa)...),
		},
		{
			"Binding Update without extension headers",
			func() error { return mn.Send(role.Send{Src: coa, Dst: ha, Raw: bindingUpdate(2)}) },
			atHA, role.MessageIn{Ifindex: haIf, Src: coa, Dst: ha, Raw: bindingUpdate(2)},
			"ha", nil,
		},
		{
			"source left to the kernel",
			func() error { return home.Send(role.Send{Dst: coa, Raw: bindingAck(2)}) },
			atMN, role.MessageIn{Ifindex: mnIf, Src: haWAN, Dst: coa, Raw: bindingAck(2)},
			"mn", nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, next(t, tt.at), cmpAddr()); diff != "" {
				t.Errorf("received (-want +got):\n%s", diff)
			}
			// The whole packet, as it travelled.
			want := append([]byte{0x60, 0, 0, 0, 0, byte(len(tt.exts) + len(tt.want.Raw)), protoMH, 64},
				addr(tt.want.Src)...)
			want = append(want, addr(tt.want.Dst)...)
			switch {
			case tt.want.HomeAddress.IsValid():
				want[6] = protoDstOptions
			case tt.want.RoutingHome.IsValid():
				want[6] = protoRouting
			}
			want = append(append(want, tt.exts...), tt.want.Raw...)
			got := sniffed(t, wire[tt.wire], func(b []byte) bool { return bytes.HasSuffix(b, tt.want.Raw) })
			// The kernel chooses the flow label.
			got[1], got[2], got[3] = 0, 0, 0
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("on the wire (-want +got):\n%s", diff)
			}
		})
	}
	nothing(t, atMN)
	nothing(t, atHA)
}

// What the kernel does not let through: the states and policies are needed.
func TestKernelHomeAddressOptionNeedsAdmission(t *testing.T) {
	testkernel.Require(t)
	p := &pair{mn: nslab.NewNode(t, "mn"), ha: nslab.NewNode(t, "ha")}
	nslab.Join(t, p.mn, "wan", p.ha, "wan")
	p.mn.Address("wan", coa.String()+"/64")
	p.ha.Address("wan", haWAN.String()+"/64")
	mn, _ := listenMH(t, p.mn, nil)
	_, atHA := listenMH(t, p.ha, nil)
	send := func() {
		t.Helper()
		if err := mn.Send(role.Send{Src: coa, Dst: haWAN, HomeAddress: hoa, Raw: bindingUpdate(1)}); err != nil {
			t.Fatal(err)
		}
	}
	send()
	nothing(t, atHA)
	admit(t, p.ha, protoDstOptions, protoMH)
	send()
	if e := next(t, atHA).(role.MessageIn); e.HomeAddress != hoa || e.Src != coa {
		t.Errorf("received %+v", e)
	}
}

// A packet whose ancillary data does not fit our buffer cannot be understood.
func TestKernelUnreadablePacketIsCounted(t *testing.T) {
	p := newPair(t)
	var c counts
	mn, _ := listenMH(t, p.mn, nil)
	_, atHA := listenMH(t, p.ha, c.add)
	// Three options of a kind that every node skips, 600 octets.
	opts := []byte{135, 75}
	for range 3 {
		opts = append(append(opts, 0x3e, 198), make([]byte, 198)...)
	}
	opts = append(opts, 1, 4, 0, 0, 0, 0)
	msg := bindingUpdate(1)
	b := make([]byte, 40)
	b[0], b[6], b[7] = 6<<4, protoDstOptions, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(opts)+len(msg)))
	s, d := coa.As16(), ha.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	var inj *injector
	var err error
	p.mn.Do(func() { inj, err = newInjector() })
	if err != nil {
		t.Fatal(err)
	}
	defer inj.sock.Close()
	if len(opts) != 8*76 {
		t.Fatalf("options of %d octets", len(opts))
	}
	if err := inj.sock.Sendto(context.Background(), append(append(b, opts...), msg...), 0, &unix.SockaddrInet6{Addr: d}); err != nil {
		t.Fatal(err)
	}
	nslab.Eventually(t, "the packet is counted", func() bool { return c.of(CountUnreadable) == 1 })
	if err := mn.Send(role.Send{Src: coa, Dst: ha, Raw: msg}); err != nil {
		t.Fatal(err)
	}
	if e := next(t, atHA).(role.MessageIn); !bytes.Equal(e.Raw, msg) {
		t.Errorf("then received %+v", e)
	}
	if in := c.of(role.CountMessageIn); in != 1 {
		t.Errorf("%d messages counted as received, want 1", in)
	}
}

func TestKernelManyMessages(t *testing.T) {
	p := newPair(t)
	mn, _ := listenMH(t, p.mn, nil)
	_, atHA := listenMH(t, p.ha, nil)
	const messages = 5000
	// The kernel loses and reorders what waits for its neighbour's address.
	if err := mn.Send(role.Send{Src: coa, Dst: ha, HomeAddress: hoa, Raw: bindingUpdate(messages)}); err != nil {
		t.Fatal(err)
	}
	next(t, atHA)
	begin := time.Now()
	for i := range uint16(messages) {
		if err := mn.Send(role.Send{Src: coa, Dst: ha, HomeAddress: hoa, Raw: bindingUpdate(i)}); err != nil {
			t.Fatal(err)
		}
	}
	sent := time.Since(begin)
	// A veth pair queues for the CPU that sends, so messages overtake each other
	// when the sender changes CPUs; none is lost or comes twice.
	missing := make(map[string]bool)
	for i := range uint16(messages) {
		missing[string(bindingUpdate(i))] = true
	}
	for range messages {
		e := next(t, atHA).(role.MessageIn)
		if !missing[string(e.Raw)] || e.HomeAddress != hoa {
			t.Fatalf("unexpected, or twice: %+v", e)
		}
		delete(missing, string(e.Raw))
	}
	t.Logf("%d messages sent in %v, all received after %v", messages, sent, time.Since(begin))
}

func TestKernelSendErrors(t *testing.T) {
	p := newPair(t)
	mn, _ := listenMH(t, p.mn, nil)
	for name, e := range map[string]role.Send{
		"a source that is not ours":        {Src: netip.MustParseAddr("2001:db8:9::9"), Dst: ha, Raw: bindingUpdate(1)},
		"an interface that does not exist": {Ifindex: 9999, Src: coa, Dst: ha, Raw: bindingUpdate(1)},
		"no destination":                   {Src: coa, Raw: bindingUpdate(1)},
	} {
		if err := mn.Send(e); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

func TestKernelICMP(t *testing.T) {
	p := newPair(t)
	mn, atMN := listenICMP(t, p.mn)
	home, atHA := listenICMP(t, p.ha)
	mnIf, haIf := p.mn.Index("wan"), p.ha.Index("wan")
	// summed returns a message with the checksum that its end points see.
	summed := func(msg []byte, src, dst netip.Addr) []byte {
		b := bytes.Clone(msg)
		icmp6.SetChecksum(b, src, dst)
		return b
	}
	request := []byte{144, 0, 0, 0, 0x12, 0x34, 0, 0}
	solicit := []byte{146, 0, 0, 0, 0x12, 0x35, 0, 0}
	advert := []byte{147, 0, 0, 0, 0x12, 0x35, 0, 0}
	tests := []struct {
		name string
		send func() error
		at   <-chan role.Event
		want role.ICMPIn
	}{
		{
			"Home Agent Address Discovery Request",
			func() error { return mn.Send(role.SendICMP{Src: coa, Dst: ha, Raw: request}) },
			atHA, role.ICMPIn{Ifindex: haIf, Src: coa, Dst: ha, Raw: summed(request, coa, ha)},
		},
		{
			"Mobile Prefix Solicitation with a Home Address option",
			func() error {
				return mn.Send(role.SendICMP{Ifindex: mnIf, Src: coa, Dst: ha, HomeAddress: hoa, Raw: solicit})
			},
			atHA, role.ICMPIn{Ifindex: haIf, Src: coa, Dst: ha, HomeAddress: hoa, Raw: summed(solicit, hoa, ha)},
		},
		{
			"Mobile Prefix Advertisement with a type 2 routing header",
			func() error {
				return home.Send(role.SendICMP{Src: ha, Dst: coa, RoutingHome: hoa, Raw: advert})
			},
			atMN, role.ICMPIn{Ifindex: mnIf, Src: ha, Dst: coa, RoutingHome: hoa, Raw: summed(advert, ha, hoa)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, next(t, tt.at), cmpAddr()); diff != "" {
				t.Errorf("received (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("Destination Unreachable", func(t *testing.T) {
		p.mn.Do(func() {
			// Left to itself the kernel would prefer the home address.
			c, err := net.DialUDP("udp6", &net.UDPAddr{IP: coa.AsSlice()}, &net.UDPAddr{IP: ha.AsSlice(), Port: 9})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		})
		e := next(t, atMN).(role.ICMPIn)
		if e.Src != ha || e.Raw[0] != 1 || e.Raw[1] != 4 {
			t.Errorf("received %+v, want a Port Unreachable of %s", e, ha)
		}
	})
	nothing(t, atMN) // no neighbour discovery, no echo
	nothing(t, atHA)
}
