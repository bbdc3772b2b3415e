package xfrmmig

import (
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A packet that finds no security association has the kernel ask the IKE daemon for one
// (XFRM_MSG_ACQUIRE), once. The question is an association without an SPI; until it has an
// answer, or net.core.xfrm_acq_expires seconds are over (165 as strongSwan sets it),
// further packets are dropped without another word. A question that came when nobody knew
// the answer yet, as strongSwan's connections were not loaded, is lost that long.

const (
	msgAllocSPI = 0x16

	// The range of an SPI for a question that is taken back (RFC 4303 §2.1: 1 to 255 are reserved).
	firstSPI, lastSPI = 0x100, 0x7fff_ffff
)

// isQuestion says whether an association is one that the kernel still asks for.
func (s SA) isQuestion() bool { return s.SPI == 0 }

// AskAgain takes back what the kernel has asked an IKE daemon of a home address, and has had no answer to: the next packet
// has it ask anew. If the IKE daemon is at it, it knows that it is. What has static keys is left alone.
func (g *Guard) AskAgain(home netip.Addr) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	h := g.homes[home]
	if h == nil || h.Managed == nil {
		return nil
	}
	sas, err := g.conn.SAs()
	if err != nil {
		return err
	}
	for _, s := range sas {
		n, _ := numberOf(s.Reqid)
		if !isESPReqid(s.Reqid) || n != h.number || !s.isQuestion() {
			continue
		}
		if err := g.conn.deleteSA(s.SA); err != nil {
			return fmt.Errorf("have the kernel ask for keys of %s again: %w", home, err)
		}
	}
	return nil
}

// name gives a question an SPI: without one the kernel finds no association that is to be deleted. It stays a question, by
// which nothing is sent or let in.
func (c *Conn) name(s SA) (SA, error) {
	answer, err := c.nl.Execute(netlink.Message{Header: netlink.Header{Type: msgAllocSPI, Flags: netlink.Request}, Data: s.encodeAllocSPI()})
	if err != nil {
		return s, fmt.Errorf("name what the kernel asks an IKE daemon for, %s → %s: %w", s.Src, s.Dst, err)
	}
	for _, m := range answer {
		if named, _, ok := decodeSA(m.Data); ok {
			return named, nil
		}
	}
	return s, fmt.Errorf("name what the kernel asks an IKE daemon for, %s → %s: no answer", s.Src, s.Dst)
}

// encodeAllocSPI writes the body of XFRM_MSG_ALLOCSPI: struct xfrm_userspi_info, 232 octets.
func (s SA) encodeAllocSPI() []byte {
	b := make([]byte, 224)
	putAddr(b[56:], s.Dst)
	b[76] = unix.IPPROTO_ESP
	putAddr(b[80:], s.Src)
	native.PutUint32(b[208:], s.Reqid)
	native.PutUint16(b[212:], unix.AF_INET6)
	b[214] = kernelModes[s.Mode]
	return native.AppendUint32(native.AppendUint32(b, firstSPI), lastSPI)
}
