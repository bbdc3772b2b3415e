package mcast

import (
	"encoding/binary"
	"net/netip"

	"mip6d/internal/icmp6"
)

var be = binary.BigEndian

const (
	ipv6Len  = 40
	etherLen = 14
	// vnetLen is struct virtio_net_hdr, which stands before each frame of a socket with
	// PACKET_VNET_HDR. Its numbers are in host order.
	vnetLen       = 10
	vnetNeedsCsum = 1 // the transport's checksum is the pseudo-header's only
	minMTU        = 1280
)

// packet is an IPv6 packet as it came.
type packet struct {
	raw []byte // from the IPv6 header to the end that it names
}

// open takes a packet out of what a packet socket gives, link octets of link header
// included, and completes a checksum that the sender has left to its hardware: on virtual
// links that never happens. It changes b.
func open(b []byte, link int) (p packet, ok bool) {
	if len(b) < vnetLen+link+ipv6Len {
		return p, false
	}
	flags, gso := b[0], b[1]
	start, field := int(binary.NativeEndian.Uint16(b[6:])), int(binary.NativeEndian.Uint16(b[8:]))
	frame := b[vnetLen:]
	ip := frame[link:]
	end := ipv6Len + int(be.Uint16(ip[4:]))
	// A super-packet stands for several; it is made only by senders on this machine that ask
	// for it.
	if gso != 0 || ip[0]>>4 != 6 || len(ip) < end || end == ipv6Len {
		return p, false
	}
	if flags&vnetNeedsCsum != 0 {
		body := frame[:link+end]
		if start < link+ipv6Len || start+field+2 > len(body) {
			return p, false
		}
		// The field holds the pseudo-header's sum, so that it is part of the sum.
		sum := ^fold(body[start:])
		if sum == 0 {
			sum = 0xffff // to UDP zero is none
		}
		be.PutUint16(body[start+field:], sum)
	}
	return packet{ip[:end]}, true
}

// fold is the one's complement sum of 16-bit words (RFC 1071).
func fold(b []byte) uint16 {
	var sum uint64
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(be.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func (p packet) src() netip.Addr   { return netip.AddrFrom16([16]byte(p.raw[8:24])) }
func (p packet) group() netip.Addr { return netip.AddrFrom16([16]byte(p.raw[24:40])) }

// forward does what a router does to a packet, or says why it goes no further.
func (p packet) forward() (s slot, ok bool) {
	if src := p.src(); !src.IsGlobalUnicast() || src.Is4In6() {
		return badSource, false // link-local, unspecified, multicast (RFC 4291 §2.5.2, §2.5.6, §2.7)
	}
	if p.raw[7] <= 1 {
		return hopLimitOver, false // without a Time Exceeded: RFC 4443 §2.4 (e.3)
	}
	p.raw[7]--
	return 0, true
}

// tooBigMessage is the Packet Too Big for a packet, which may be sent although that went to
// a group: path MTU discovery works with groups, too (RFC 4443 §2.4 (e.3), RFC 2473 §7.1). It
// is from the address of ours that is given.
func tooBigMessage(p packet, from netip.Addr, mtu int) []byte {
	const header = 8
	invoking := append([]byte(nil), p.raw[:min(len(p.raw), minMTU-ipv6Len-header)]...)
	invoking[7]++                                                                     // the hop limit with which it came
	body, _ := icmp6.Marshal(&icmp6.PacketTooBig{MTU: uint32(mtu), Packet: invoking}) // it has no options, which alone can be wrong
	icmp6.SetChecksum(body, from, p.src())
	return body
}

// frameOf puts a packet into what a packet socket with PACKET_VNET_HDR sends on Ethernet (RFC
// 2464 §7).
func frameOf(p packet, from [6]byte) []byte {
	b := make([]byte, vnetLen+etherLen, vnetLen+etherLen+len(p.raw))
	f := b[vnetLen:]
	copy(f, []byte{0x33, 0x33})
	copy(f[2:], p.raw[36:40])
	copy(f[6:], from[:])
	be.PutUint16(f[12:], 0x86dd)
	return append(b, p.raw...)
}
