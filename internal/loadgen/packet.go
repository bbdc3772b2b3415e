package loadgen

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/exthdr"
	"mip6d/internal/mh"
	"mip6d/internal/rr"
)

// Next Header values, RFC 8200 §4.1, RFC 6275 §6.1.
const (
	protoRouting    = 43
	protoDstOptions = 60
	protoMH         = 135
)

const (
	ipv6Len  = 40
	hopLimit = 64
)

// Update is what one Binding Update says.
type Update struct {
	Node     int
	CareOf   netip.Addr
	Sequence uint16
	Lifetime time.Duration // 0 de-registers
	At       time.Time     // the timestamp of RFC 4285 §6
}

// Packet makes a whole packet: IPv6 from the care-of address, a Home Address
// option, the Mobility Header (RFC 6275 §6.1.7, §6.3, §11.7.1).
func (p *Population) Packet(u Update) ([]byte, error) {
	home := p.HomeAddress(u.Node)
	bu := &mh.BindingUpdate{
		Sequence: u.Sequence, Ack: true, Home: true, Router: p.router(u.Node), Lifetime: u.Lifetime,
	}
	if p.Auth != nil {
		bu.Options = p.Auth.options(home, u.At)
	}
	raw, err := mh.Marshal(bu)
	if err != nil {
		return nil, fmt.Errorf("binding update of %s: %w", home, err)
	}
	if p.Auth != nil {
		at := mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
		mac := rr.MNHA(p.Auth.Key, u.CareOf, home, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
		copy(raw[at:], mac[:])
	}
	mh.SetChecksum(raw, home, p.HomeAgent)
	options := exthdr.HomeAddressHeader(protoMH, home)

	b := make([]byte, ipv6Len, ipv6Len+len(options)+len(raw))
	b[0], b[6], b[7] = 6<<4, protoDstOptions, hopLimit
	binary.BigEndian.PutUint16(b[4:], uint16(len(options)+len(raw)))
	src, dst := u.CareOf.As16(), p.HomeAgent.As16()
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return append(append(b, options...), raw...), nil
}

// options are those of a Binding Update, the authenticator still zero (RFC 4285
// §5.1: the MN-HA option comes after all others).
func (a *Auth) options(home netip.Addr, now time.Time) mh.Options {
	var o mh.Options
	if a.MNID {
		h := home.As16()
		o = append(o, mh.MobileNodeIdentifier{Subtype: mh.SubtypeNAI, Identifier: []byte(hex.EncodeToString(h[:]))})
	}
	if a.Replay == ReplayTimestamp {
		o = append(o, mh.MesgID{Timestamp: ntp(now)})
	}
	return append(o, mh.MobilityMessageAuthentication{
		Subtype: mh.SubtypeMNHA, SPI: a.SPI, Authenticator: make([]byte, rr.AuthenticatorLen),
	})
}

// ntp is the timestamp of RFC 4285 §6: NTP's, seconds since 1900 and a binary
// fraction.
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// acknowledgement is what a mobile node learns from a Binding Acknowledgement.
type acknowledgement struct {
	home          netip.Addr
	status        mh.Status
	sequence      uint16
	authenticated bool // by the key of Auth, where there is one
}

var errNoAcknowledgement = errors.New("no Binding Acknowledgement for a mobile node")

// acknowledgement reads a whole packet: IPv6 to the care-of address, a type 2
// routing header, the Mobility Header (RFC 6275 §6.1.8, §6.4). Without a routing
// header it is to the home address itself.
func (p *Population) acknowledgement(b []byte) (acknowledgement, error) {
	var none acknowledgement
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return none, errNoAcknowledgement
	}
	src, dst := netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	home, next, rest := dst, b[6], b[ipv6Len:]
	if n := int(binary.BigEndian.Uint16(b[4:])); n < len(rest) {
		rest = rest[:n]
	}
	if next == protoRouting {
		r, err := exthdr.ParseRouting(rest)
		if err != nil {
			return none, err
		}
		home, next, rest = r.HomeAddress, r.NextHeader, rest[exthdr.RoutingLen:]
	}
	if next != protoMH || src != p.HomeAgent || !mh.ChecksumOK(rest, src, home) {
		return none, errNoAcknowledgement
	}
	m, err := mh.Parse(rest)
	if err != nil {
		return none, err
	}
	ba, ok := m.(*mh.BindingAcknowledgement)
	if !ok {
		return none, errNoAcknowledgement
	}
	return acknowledgement{
		home: home, status: ba.Status, sequence: ba.Sequence,
		authenticated: p.Auth == nil || p.Auth.verify(ba, rest, dst, home),
	}, nil
}

// verify checks the MN-HA authentication option of a Binding Acknowledgement,
// whose care-of address is the packet's destination (RFC 4285 §5.1).
func (a *Auth) verify(ba *mh.BindingAcknowledgement, raw []byte, careOf, home netip.Addr) bool {
	for _, o := range ba.Options {
		opt, ok := o.(mh.MobilityMessageAuthentication)
		if !ok || opt.Subtype != mh.SubtypeMNHA || opt.SPI != a.SPI {
			continue
		}
		covered := mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
		return rr.Equal(opt.Authenticator, rr.MNHA(a.Key, careOf, home, covered))
	}
	return false
}
