package proxynd

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

const (
	// maxUndelivered bounds the packets that wait for a neighbour's answer, and
	// undeliveredFor how long they do. Who waits for them asks again later.
	maxUndelivered = 64
	undeliveredFor = 3 * time.Second

	protoMobility   = 135
	defaultHopLimit = 64
)

// undelivered are packets for nodes whose link-layer address is being asked for,
// by their IPv6 address: the latest for each.
type undelivered map[netip.Addr]waiting

type waiting struct {
	packet []byte
	since  time.Time
}

// put keeps a packet, and tells whether there was room.
func (u undelivered) put(to netip.Addr, packet []byte, now time.Time) bool {
	for a, w := range u {
		if now.Sub(w.since) > undeliveredFor {
			delete(u, a)
		}
	}
	if _, ok := u[to]; !ok && len(u) >= maxUndelivered {
		return false
	}
	u[to] = waiting{packet, now}
	return true
}

// take returns the packet that waits for an advertisement, as a frame to who sent
// that, or nil.
func (u undelivered) take(m message, from linkAddr, now time.Time) []byte {
	w, ok := u[m.target]
	if m.solicit || !ok {
		return nil
	}
	delete(u, m.target)
	if now.Sub(w.since) > undeliveredFor {
		return nil
	}
	f := append(append([]byte(nil), m.from[:]...), from[:]...)
	f = binary.BigEndian.AppendUint16(f, etherTypeIPv6)
	return append(f, w.packet...)
}

// Deliver carries out a Send to a neighbour on a home link: the kernel would send
// it into the tunnel, and learns no neighbour for an address that we defend. The
// node is asked for its link-layer address each time, since it may have just come.
func (l *Links) Deliver(e role.Send) error {
	c := l.conns[e.Ifindex]
	if c == nil {
		return fmt.Errorf("send to the neighbour %s: interface %d is no home link of ours", e.Dst, e.Ifindex)
	}
	return c.deliver(e.Dst, mobilityPacket(e))
}

// mobilityPacket is the IPv6 packet of a message without extension headers.
func mobilityPacket(e role.Send) []byte {
	src, dst := e.Src.As16(), e.Dst.As16()
	b := []byte{6 << 4, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(len(e.Raw)))
	b = append(b, protoMobility, defaultHopLimit)
	return append(append(append(b, src[:]...), dst[:]...), e.Raw...)
}

func (c *Conn) deliver(to netip.Addr, packet []byte) error {
	group := icmp6.SolicitedNode(to)
	c.mu.Lock()
	ok := c.undelivered.put(to, packet, time.Now())
	ask := build(c.resp.link, multicastLinkAddr(group), c.resp.source, group, typeNS, 0, to, optSourceLinkAddr, c.resp.link)
	c.mu.Unlock()
	if !ok {
		return fmt.Errorf("send to the neighbour %s on %s: %d packets wait for neighbours already", to, c.name, maxUndelivered)
	}
	return c.send(ask, CountSolicited)
}
