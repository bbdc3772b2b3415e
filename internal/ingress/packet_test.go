package ingress

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/nslab"
)

// ipv6 builds an IPv6 packet around a payload.
func ipv6(src, dst netip.Addr, next byte, hops byte, payload []byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 6<<4, next, hops
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	s, d := src.As16(), dst.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	return append(b, payload...)
}

// icmpv6 builds an IPv6 packet with an ICMPv6 message, checksum filled in.
func icmpv6(src, dst netip.Addr, hops byte, msg []byte) []byte {
	p := ipv6(src, dst, unix.IPPROTO_ICMPV6, hops, msg)
	var sum uint32
	for i := 8; i+1 < len(p); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	sum += uint32(len(msg)) + unix.IPPROTO_ICMPV6
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(p[42:], ^uint16(sum))
	return p
}

// echoRequest is an ICMPv6 echo request with a sequence number, 64 bytes.
func echoRequest(src, dst netip.Addr, seq uint16) []byte {
	msg := make([]byte, 24)
	msg[0] = 128
	binary.BigEndian.PutUint16(msg[4:], 0x6275)
	binary.BigEndian.PutUint16(msg[6:], seq)
	return icmpv6(src, dst, 64, msg)
}

// neighborMessage is an NS or NA with one link-layer address option.
func neighborMessage(src, dst, target netip.Addr, typ, flags, opt byte, mac []byte) []byte {
	msg := make([]byte, 32)
	msg[0], msg[4] = typ, flags
	t := target.As16()
	copy(msg[8:], t[:])
	msg[24], msg[25] = opt, 1
	copy(msg[26:], mac)
	return icmpv6(src, dst, 255, msg)
}

// rawSender sends whole IPv6 packets from a node, whatever their source.
type rawSender struct {
	t  testing.TB
	fd int
}

func newRawSender(t testing.TB, n *nslab.Node) *rawSender {
	t.Helper()
	var fd int
	var err error
	n.Do(func() { fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return &rawSender{t, fd}
}

func (s *rawSender) send(p []byte) {
	s.t.Helper()
	if err := unix.Sendto(s.fd, p, 0, &unix.SockaddrInet6{Addr: [16]byte(p[24:40])}); err != nil {
		s.t.Fatalf("send from %x: %v", p[8:24], err)
	}
}

// sniffer sees the packets of one kind that come in on an interface, before any gate.
type sniffer struct {
	t  testing.TB
	fd int
}

func newSniffer(t testing.TB, n *nslab.Node, dev string, etherType uint16) *sniffer {
	t.Helper()
	var fd int
	var err error
	proto := uint16(wireOrder(etherType))
	n.Do(func() { fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(proto)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: n.Index(dev), Protocol: proto}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		t.Fatal(err)
	}
	tv := unix.NsecToTimeval((20 * time.Millisecond).Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	return &sniffer{t, fd}
}

// collect returns what came in until nothing more came for a while.
func (s *sniffer) collect(quiet time.Duration) [][]byte {
	s.t.Helper()
	var got [][]byte
	buf := make([]byte, 2048)
	for last := time.Now(); time.Since(last) < quiet; {
		n, from, err := unix.Recvfrom(s.fd, buf, 0)
		if err != nil {
			continue
		}
		if ll, ok := from.(*unix.SockaddrLinklayer); ok && ll.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		got = append(got, append([]byte(nil), buf[:n]...))
		last = time.Now()
	}
	return got
}

// echoes are the sequence numbers of the echo requests of ours in packets.
func echoes(packets [][]byte) []uint16 {
	var seqs []uint16
	for _, p := range packets {
		if len(p) >= 48 && p[6] == unix.IPPROTO_ICMPV6 && p[40] == 128 && binary.BigEndian.Uint16(p[44:]) == 0x6275 {
			seqs = append(seqs, binary.BigEndian.Uint16(p[46:]))
		}
	}
	return seqs
}
