package mcast

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/icmp6"
)

var (
	group   = netip.MustParseAddr("ff0e::42")
	sender  = netip.MustParseAddr("2001:db8:1::77")
	agent   = netip.MustParseAddr("2001:db8:1::1")
	coa     = netip.MustParseAddr("2001:db8:f1::5")
	coa2    = netip.MustParseAddr("2001:db8:f2::5")
	hoa     = netip.MustParseAddr("2001:db8:1::100")
	hoa2    = netip.MustParseAddr("2001:db8:1::200")
	unheard = netip.MustParseAddr("ff0e::43")
)

// ipv6 is a UDP datagram with a right checksum.
func ipv6(src, dst netip.Addr, hops byte, data []byte) []byte {
	udp := append([]byte{0x13, 0x88, 0x13, 0x88, 0, byte(8 + len(data)), 0, 0}, data...)
	b := []byte{0x60, 0, 0, 0, 0, byte(len(udp)), 17, hops}
	b = append(append(append(b, src.AsSlice()...), dst.AsSlice()...), udp...)
	be.PutUint16(b[46:], ^pseudo(b))
	return b
}

// pseudo is the sum of the datagram and its pseudo-header.
func pseudo(b []byte) uint16 {
	head := append(append([]byte(nil), b[8:40]...), 0, 0, b[4], b[5], 0, 0, 0, 17)
	return fold(append(head, b[40:]...))
}

// frame is as a packet socket gives it: a struct virtio_net_hdr, a link header.
func frame(link int, ip []byte, flags, gso byte, start, field uint16) []byte {
	b := []byte{flags, gso, 0, 0, 0, 0}
	b = binary.NativeEndian.AppendUint16(b, start)
	b = binary.NativeEndian.AppendUint16(b, field)
	return append(append(b, make([]byte, link)...), ip...)
}

func TestOpen(t *testing.T) {
	whole := ipv6(sender, group, 9, []byte("abc"))
	padded := append(append([]byte(nil), whole...), make([]byte, 9)...)
	for _, link := range []int{0, etherLen} {
		p, ok := open(frame(link, padded, 0, 0, 0, 0), link)
		if !ok || !cmp.Equal(p.raw, whole) || p.src() != sender || p.group() != group {
			t.Errorf("behind %d octets: %x, %v", link, p.raw, ok)
		}
		// As a sender on a virtual link leaves it: the sum of the pseudo-header only.
		partial := append([]byte(nil), padded...)
		head := append(append([]byte(nil), whole[8:40]...), 0, 0, whole[4], whole[5], 0, 0, 0, 17)
		be.PutUint16(partial[46:], fold(head))
		p, ok = open(frame(link, partial, vnetNeedsCsum, 0, uint16(link+40), 6), link)
		if !ok || !cmp.Equal(p.raw, whole) {
			t.Errorf("the checksum is not completed: %x, want %x, %v", p.raw, whole, ok)
		}
	}
	for name, b := range map[string][]byte{
		"nothing":                 {},
		"cut off":                 frame(0, whole[:len(whole)-1], 0, 0, 0, 0),
		"IPv4":                    frame(0, append([]byte{0x45}, whole[1:]...), 0, 0, 0, 0),
		"a super-packet":          frame(0, whole, 0, 5, 0, 0),
		"no payload":              frame(0, append([]byte{0x60, 0, 0, 0, 0, 0}, whole[6:40]...), 0, 0, 0, 0),
		"a checksum in a header":  frame(0, whole, vnetNeedsCsum, 0, 8, 6),
		"a checksum behind it":    frame(0, whole, vnetNeedsCsum, 0, 40, 60000),
		"a checksum from nowhere": frame(0, whole, vnetNeedsCsum, 0, 65000, 6),
	} {
		if _, ok := open(b, 0); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(frame(0, ipv6(sender, group, 9, []byte("abc")), vnetNeedsCsum, 0, 40, 6), false)
	f.Add(frame(etherLen, ipv6(sender, group, 9, nil), 0, 0, 0, 0), true)
	f.Fuzz(func(t *testing.T, b []byte, ethernet bool) {
		link := 0
		if ethernet {
			link = etherLen
		}
		p, ok := open(append([]byte(nil), b...), link)
		if !ok {
			return
		}
		if _, ok := p.forward(); ok {
			tooBigMessage(p, agent, 1460)
			frameOf(p, [6]byte{})
		}
	})
}

func TestForward(t *testing.T) {
	for _, c := range []struct {
		src  string
		hops byte
		want slot
		ok   bool
	}{
		{"2001:db8:1::77", 2, 0, true},
		{"2001:db8:1::77", 1, hopLimitOver, false},
		{"2001:db8:1::77", 0, hopLimitOver, false},
		{"fe80::1", 64, badSource, false},
		{"::", 64, badSource, false},
		{"ff0e::1", 64, badSource, false},
		{"::1", 64, badSource, false},
	} {
		p := packet{ipv6(netip.MustParseAddr(c.src), group, c.hops, nil)}
		s, ok := p.forward()
		if s != c.want || ok != c.ok || ok && p.raw[7] != c.hops-1 {
			t.Errorf("from %s with hop limit %d: %v, %v, then %d", c.src, c.hops, s, ok, p.raw[7])
		}
	}
}

func TestTooBigMessage(t *testing.T) {
	p := packet{append(ipv6(sender, group, 9, nil), make([]byte, 2000)...)}
	before := append([]byte(nil), p.raw...)
	p.forward()
	b := tooBigMessage(p, agent, 1460)
	if len(b)+ipv6Len != minMTU {
		t.Errorf("%d octets", len(b))
	}
	if !icmp6.ChecksumOK(b, agent, sender) {
		t.Error("wrong checksum")
	}
	m, err := icmp6.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := m.(*icmp6.PacketTooBig)
	if !ok || e.MTU != 1460 || !cmp.Equal(e.Packet, before[:len(e.Packet)]) {
		t.Errorf("%+v", m)
	}
}

func TestFrameOf(t *testing.T) {
	p := packet{ipv6(sender, group, 9, nil)}
	b := frameOf(p, [6]byte{2, 0, 0, 0, 0, 1})
	want := append(make([]byte, vnetLen), 0x33, 0x33, 0, 0, 0, 0x42, 2, 0, 0, 0, 0, 1, 0x86, 0xdd)
	if diff := cmp.Diff(append(want, p.raw...), b); diff != "" {
		t.Error(diff)
	}
}
