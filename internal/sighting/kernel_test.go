package sighting

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

var (
	hoa    = netip.MustParseAddr("2001:db8:1::100")
	peer   = netip.MustParseAddr("2001:db8:c::2")
	behind = netip.MustParseAddr("2001:db8:cafe::2") // in a mobile network
	coa    = netip.MustParseAddr("2001:db8:f1::100") // of a mobile peer
	pair   = role.Pair{Local: hoa, Peer: peer}
)

// frame is an Ethernet frame with an IPv6 packet.
func frame(src, dst netip.Addr, next byte, payload ...byte) []byte {
	b := make([]byte, 14+40, 14+40+len(payload))
	binary.BigEndian.PutUint16(b[12:], etherIPv6)
	b[14] = 0x60
	binary.BigEndian.PutUint16(b[18:], uint16(len(payload)))
	b[20], b[21] = next, 64
	s, d := src.As16(), dst.As16()
	copy(b[22:], s[:])
	copy(b[38:], d[:])
	return append(b, payload...)
}

// routingHeader is a type 2 routing header, with UDP behind.
func routingHeader(home netip.Addr) []byte {
	h := home.As16()
	return append(append([]byte{17, 2, 2, 1, 0, 0, 0, 0}, h[:]...), make([]byte, 8)...)
}

// with has another header behind the first.
func with(next byte, payload []byte) []byte {
	payload[0] = next
	return payload
}

// homeAddressOption is a Destination Options header with one in it, and UDP
// behind.
func homeAddressOption(home netip.Addr) []byte {
	h := home.As16()
	return append(append([]byte{17, 2, 1, 2, 0, 0, 0xc9, 16}, h[:]...), make([]byte, 8)...)
}

// watched is a Watch whose sightings are collected.
type watched struct {
	*Watch
	t      *testing.T
	events chan role.PeerSeen
}

func newWatched(t *testing.T, c Config) *watched {
	t.Helper()
	testkernel.Require(t)
	c.Homes = []netip.Addr{hoa}
	w, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	x := &watched{w, t, make(chan role.PeerSeen, 10000)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, func(ev role.Event) { x.events <- ev.(role.PeerSeen) }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// pass has a frame seen by a program, which must let it pass.
func (x *watched) pass(p *ebpf.Program, frame []byte) {
	x.t.Helper()
	verdict, _, err := p.Test(frame)
	if err != nil {
		x.t.Fatal(err)
	}
	if int32(verdict) != actNext {
		x.t.Errorf("verdict %d", int32(verdict))
	}
}

// told are the sightings so far.
func (x *watched) told() (list []role.PeerSeen) {
	time.Sleep(200 * time.Millisecond)
	for len(x.events) > 0 {
		list = append(list, <-x.events)
	}
	return list
}

func TestKernelNewPeersAreToldOnce(t *testing.T) {
	for _, inbound := range []bool{false, true} {
		x := newWatched(t, Config{})
		p, f := x.out, frame(hoa, peer, 17, make([]byte, 100)...)
		if inbound {
			p, f = x.in, frame(peer, hoa, 17, make([]byte, 100)...)
		}
		for range 500 {
			x.pass(p, f)
		}
		if got := x.told(); len(got) != 1 || got[0] != (role.PeerSeen{Pair: pair, Inbound: inbound}) {
			t.Errorf("inbound %v: told %+v", inbound, got)
		}
		// The other direction is the same pair.
		x.pass(x.in, frame(peer, hoa, 6, make([]byte, 50)...))
		x.pass(x.out, frame(hoa, peer, 6, make([]byte, 50)...))
		if got := x.told(); len(got) != 0 {
			t.Errorf("told again: %+v", got)
		}
		got, err := x.Traffic(pair)
		if err != nil || got.PacketsOut+got.PacketsIn != 502 || got.PacketsIn == 0 || got.PacketsOut == 0 || got.BytesOut+got.BytesIn < 500*140 {
			t.Errorf("traffic %+v, %v", got, err)
		}
		if err := x.Forget(pair); err != nil {
			t.Error(err)
		}
		x.pass(p, f)
		if got := x.told(); len(got) != 1 {
			t.Errorf("forgotten, and told %+v", got)
		}
	}
}

// Requirements: 6275-11.3.1-5, 6275-11.3.4-5
func TestKernelWhatIsNoPeer(t *testing.T) {
	x := newWatched(t, Config{})
	for _, f := range [][]byte{
		frame(hoa, peer, protoMobility, 59, 1, 1, 0, 0, 0, 0, 0),
		frame(hoa, netip.MustParseAddr("ff0e::1"), 17),
		frame(hoa, netip.MustParseAddr("fe80::1"), 17),
		frame(hoa, netip.IPv6Unspecified(), 17),
		frame(netip.IPv6Unspecified(), peer, 17),
		frame(hoa, coa, protoRouting, with(protoMobility, routingHeader(peer))...),
		frame(hoa, peer, protoOptions, with(protoMobility, homeAddressOption(hoa))...),
		frame(hoa, peer, protoICMPv6, 135, 0, 0, 0),
		frame(hoa, peer, protoICMPv6, 136, 0, 0, 0),
		frame(hoa, peer, protoICMPv6), // cut off
		append(make([]byte, 12), 8, 0, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2),
	} {
		x.pass(x.out, f)
	}
	x.pass(x.in, frame(coa, hoa, protoOptions, with(protoMobility, homeAddressOption(peer))...))
	x.pass(x.in, frame(peer, hoa, protoRouting, with(protoMobility, routingHeader(hoa))...))
	x.pass(x.in, frame(peer, netip.MustParseAddr("ff0e::1"), 17))
	x.pass(x.in, frame(peer, behind, 17))
	x.pass(x.out, frame(behind, peer, 17))
	if got := x.told(); len(got) != 0 {
		t.Errorf("told %+v", got)
	}
	x.pass(x.out, frame(hoa, peer, protoICMPv6, 128, 0, 0, 0))
	if got := x.told(); len(got) != 1 {
		t.Errorf("an echo request: told %+v", got)
	}
}

// RFC 6275 §11.7.2: the peer is the address in the Home Address option, or in the
// routing header of what we send it by the home agent.
//
// Requirements: 6275-11.7.2-3
func TestKernelMobilePeer(t *testing.T) {
	x := newWatched(t, Config{})
	x.pass(x.in, frame(coa, hoa, protoOptions, homeAddressOption(peer)...))
	if got := x.told(); len(got) != 1 || got[0].Pair != pair {
		t.Errorf("told %+v", got)
	}
	x.pass(x.out, frame(hoa, coa, protoRouting, routingHeader(peer)...))
	if got := x.told(); len(got) != 0 {
		t.Errorf("what is sent to a mobile peer: told %+v", got)
	}
	if got, err := x.Traffic(pair); err != nil || got.PacketsIn != 1 || got.PacketsOut != 1 {
		t.Errorf("traffic %+v, %v", got, err)
	}
	x.pass(x.in, frame(coa, hoa, protoOptions, 17, 0, 1, 4, 0, 0, 0, 0))
	if got := x.told(); len(got) != 1 || got[0].Pair.Peer != coa {
		t.Errorf("another option: told %+v", got)
	}
}

func TestKernelAPairThatGoesOnIsToldAgain(t *testing.T) {
	x := newWatched(t, Config{Again: 300 * time.Millisecond})
	f := frame(hoa, peer, 17)
	x.pass(x.out, f)
	time.Sleep(400 * time.Millisecond)
	x.pass(x.out, f)
	x.pass(x.out, f)
	if got := x.told(); len(got) != 2 {
		t.Errorf("told %d times, want 2", len(got))
	}
}

func TestKernelManyPeers(t *testing.T) {
	x := newWatched(t, Config{MaxPairs: 64, MaxRate: 5000})
	a := peer
	for range 1000 {
		a = a.Next()
		x.pass(x.out, frame(hoa, a, 17))
	}
	if got := x.told(); len(got) != 1000 {
		t.Errorf("told of %d peers, want 1000", len(got))
	}
	entries := 0
	var k pairKey
	var v pairValue
	for it := x.pairs.Iterate(); it.Next(&k, &v); {
		entries++
	}
	if entries > 64 {
		t.Errorf("%d entries in a table of 64", entries)
	}
}

// What is told of late is not lost.
func TestKernelTooManyPeersAtOnce(t *testing.T) {
	x := newWatched(t, Config{MaxRate: 10})
	send := func() {
		a := peer
		for range 50 {
			a = a.Next()
			x.pass(x.out, frame(hoa, a, 17))
		}
	}
	send()
	if got := x.told(); len(got) != 10 {
		t.Errorf("told of %d at once, want 10", len(got))
	}
	x.pass(x.in, frame(peer, hoa, 17))
	if got := x.told(); len(got) != 1 {
		t.Errorf("of the other direction told %d, want 1", len(got))
	}
	time.Sleep(1100 * time.Millisecond)
	send()
	if got := x.told(); len(got) != 10 {
		t.Errorf("a second later of %d, want 10", len(got))
	}
	if got, err := x.Traffic(role.Pair{Local: hoa, Peer: peer.Next()}); err != nil || got.PacketsOut != 2 {
		t.Errorf("counted %+v, %v", got, err)
	}
}

func BenchmarkKernelSighting(b *testing.B) {
	testkernel.Require(b)
	w, err := Open(Config{Homes: []netip.Addr{hoa}})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	_, per, err := w.out.Benchmark(frame(hoa, peer, 17, make([]byte, 1000)...), 100000, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(per.Nanoseconds()), "ns/packet")
}
