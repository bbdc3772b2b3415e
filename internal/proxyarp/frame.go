package proxyarp

import (
	"encoding/binary"
	"net/netip"
)

type linkAddr [6]byte

var broadcast = linkAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Ethernet and ARP (RFC 826) with IPv4 over Ethernet, which is the only kind here.
const (
	etherARP     = 0x0806
	etherHeader  = 14
	frameLen     = etherHeader + 28
	hardware     = 1      // Ethernet
	protocol     = 0x0800 // IPv4
	opRequest    = 1
	opReply      = 2
	minFrameSize = 60 // shorter ones are padded
)

// request is who asks for what.
type request struct {
	senderLink linkAddr
	sender     netip.Addr // 0.0.0.0: a probe before the address is used (RFC 5227 §2.1)
	target     netip.Addr
}

// parse reads an ARP request; ok is false for anything else. The sender's link-layer
// address is the one to answer to, so it must be that of one machine.
func parse(frame []byte) (r request, ok bool) {
	if len(frame) < frameLen {
		return r, false
	}
	be, b := binary.BigEndian, frame[etherHeader:]
	if be.Uint16(frame[12:]) != etherARP || be.Uint16(b) != hardware || be.Uint16(b[2:]) != protocol || b[4] != 6 || b[5] != 4 ||
		be.Uint16(b[6:]) != opRequest {
		return r, false
	}
	r.senderLink = linkAddr(b[8:14])
	r.sender, r.target = netip.AddrFrom4([4]byte(b[14:18])), netip.AddrFrom4([4]byte(b[24:28]))
	return r, r.senderLink[0]&1 == 0 && r.sender != r.target // the same: it is announced
}

// build makes an ARP message.
func build(from, to linkAddr, op uint16, sender netip.Addr, target linkAddr, targetAddr netip.Addr) []byte {
	be, b := binary.BigEndian, make([]byte, minFrameSize)
	copy(b, to[:])
	copy(b[6:], from[:])
	be.PutUint16(b[12:], etherARP)
	a := b[etherHeader:]
	be.PutUint16(a, hardware)
	be.PutUint16(a[2:], protocol)
	a[4], a[5] = 6, 4
	be.PutUint16(a[6:], op)
	copy(a[8:], from[:])
	copy(a[14:], sender.AsSlice())
	copy(a[18:], target[:])
	copy(a[24:], targetAddr.AsSlice())
	return b
}

// reply answers a request in the name of its target.
func reply(from linkAddr, r request) []byte {
	return build(from, r.senderLink, opReply, r.target, r.senderLink, r.sender)
}

// announcement tells all of a link that an address is ours (RFC 5227 §2.3): a request
// for it from itself, since those are heeded everywhere.
func announcement(from linkAddr, a netip.Addr) []byte {
	return build(from, broadcast, opRequest, a, linkAddr{}, a)
}
