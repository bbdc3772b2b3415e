package icmp6

import (
	"bytes"
	"net/netip"
	"strconv"
	"time"
)

// OptionType is the type of a neighbour discovery option, RFC 4861 §4.6.
type OptionType uint8

// Option types.
const (
	OptionSourceLinkLayerAddress OptionType = 1 // RFC 4861 §4.6.1
	OptionTargetLinkLayerAddress OptionType = 2 // RFC 4861 §4.6.1
	OptionPrefixInformation      OptionType = 3 // RFC 4861 §4.6.2, RFC 6275 §7.2
	OptionMTU                    OptionType = 5 // RFC 4861 §4.6.4
	OptionAdvertisementInterval  OptionType = 7 // RFC 6275 §7.3
	OptionHomeAgentInformation   OptionType = 8 // RFC 6275 §7.4
)

var optionNames = map[OptionType]string{
	OptionSourceLinkLayerAddress: "Source Link-Layer Address",
	OptionTargetLinkLayerAddress: "Target Link-Layer Address",
	OptionPrefixInformation:      "Prefix Information",
	OptionMTU:                    "MTU",
	OptionAdvertisementInterval:  "Advertisement Interval",
	OptionHomeAgentInformation:   "Home Agent Information",

	// Not taken apart here, but on every link.
	24: "Route Information",    // RFC 4191
	25: "Recursive DNS Server", // RFC 8106
	31: "DNS Search List",      // RFC 8106
}

// String is the option's name in its RFC.
func (t OptionType) String() string {
	if s, ok := optionNames[t]; ok {
		return s
	}
	return "option " + strconv.Itoa(int(t))
}

// Option is one neighbour discovery option.
type Option interface {
	OptionType() OptionType
	// data appends everything after the Length field.
	data(b []byte) []byte
}

// Options is a message's list of options, in the order of the wire.
type Options []Option

// Find returns the first option of a type.
func Find[T Option](opts Options) (T, bool) {
	for _, o := range opts {
		if t, ok := o.(T); ok {
			return t, true
		}
	}
	var none T
	return none, false
}

// SourceLinkLayerAddress is RFC 4861 §4.6.1. The address fills the option; on
// Ethernet it has 6 octets.
type SourceLinkLayerAddress struct {
	LinkAddr []byte
}

// TargetLinkLayerAddress is RFC 4861 §4.6.1.
type TargetLinkLayerAddress struct {
	LinkAddr []byte
}

// PrefixInformation is RFC 4861 §4.6.2 with the R flag of RFC 6275 §7.2.
type PrefixInformation struct {
	Length        uint8 // prefix length, 0–128
	OnLink        bool  // L
	Autonomous    bool  // A
	RouterAddress bool  // R: Prefix is a whole address of the router
	Flags         uint8 // the other bits, kept as received
	Valid         time.Duration
	Preferred     time.Duration
	Reserved      uint32
	Prefix        netip.Addr // as on the wire, with all its bits
}

// Masked is the prefix with the bits behind it cleared.
func (p PrefixInformation) Masked() netip.Prefix {
	net, _ := p.Prefix.Prefix(int(p.Length))
	return net
}

// MTU is RFC 4861 §4.6.4.
type MTU struct {
	Reserved uint16
	MTU      uint32
}

// AdvertisementInterval is RFC 6275 §7.3: the most that passes between two
// unsolicited advertisements of the router.
type AdvertisementInterval struct {
	Reserved uint16
	Interval time.Duration // whole milliseconds
}

// HomeAgentInformation is RFC 6275 §7.4 with the R flag of RFC 3963 §7.3.
type HomeAgentInformation struct {
	Router     bool   // R: the home agent serves mobile routers
	Reserved   uint16 // the other bits, kept as received
	Preference uint16 // higher is better; 0 is the default
	Lifetime   time.Duration
}

// UnknownOption is an option that this codec does not know.
type UnknownOption struct {
	Type OptionType
	Data []byte // everything after the Length field
}

// OptionType returns OptionSourceLinkLayerAddress.
func (SourceLinkLayerAddress) OptionType() OptionType { return OptionSourceLinkLayerAddress }

// OptionType returns OptionTargetLinkLayerAddress.
func (TargetLinkLayerAddress) OptionType() OptionType { return OptionTargetLinkLayerAddress }

// OptionType returns OptionPrefixInformation.
func (PrefixInformation) OptionType() OptionType { return OptionPrefixInformation }

// OptionType returns OptionMTU.
func (MTU) OptionType() OptionType { return OptionMTU }

// OptionType returns OptionAdvertisementInterval.
func (AdvertisementInterval) OptionType() OptionType { return OptionAdvertisementInterval }

// OptionType returns OptionHomeAgentInformation.
func (HomeAgentInformation) OptionType() OptionType { return OptionHomeAgentInformation }

// OptionType returns the type as received.
func (o UnknownOption) OptionType() OptionType { return o.Type }

func (o SourceLinkLayerAddress) data(b []byte) []byte { return append(b, o.LinkAddr...) }
func (o TargetLinkLayerAddress) data(b []byte) []byte { return append(b, o.LinkAddr...) }
func (o UnknownOption) data(b []byte) []byte          { return append(b, o.Data...) }

const (
	pioOnLink     = 0x80
	pioAutonomous = 0x40
	pioRouter     = 0x20
	pioKnown      = pioOnLink | pioAutonomous | pioRouter
)

func (o PrefixInformation) data(b []byte) []byte {
	flags := o.Flags&^pioKnown | bit[uint8](o.OnLink, pioOnLink) |
		bit[uint8](o.Autonomous, pioAutonomous) | bit[uint8](o.RouterAddress, pioRouter)
	b = append(b, o.Length, flags)
	b = be.AppendUint32(b, seconds(o.Valid))
	b = be.AppendUint32(b, seconds(o.Preferred))
	b = be.AppendUint32(b, o.Reserved)
	var a [16]byte
	putAddr(a[:], o.Prefix)
	return append(b, a[:]...)
}

func (o MTU) data(b []byte) []byte {
	return be.AppendUint32(be.AppendUint16(b, o.Reserved), o.MTU)
}

func (o AdvertisementInterval) data(b []byte) []byte {
	return be.AppendUint32(be.AppendUint16(b, o.Reserved), clamp(o.Interval, time.Millisecond, 0xffffffff))
}

func (o HomeAgentInformation) data(b []byte) []byte {
	b = be.AppendUint16(b, o.Reserved&^discoveryRouter|bit[uint16](o.Router, discoveryRouter))
	b = be.AppendUint16(b, o.Preference)
	return be.AppendUint16(b, uint16(clamp(o.Lifetime, time.Second, 0xffff)))
}

// seconds converts a prefix lifetime, in which all ones is without end.
func seconds(d time.Duration) uint32 {
	if d == Infinite {
		return 0xffffffff
	}
	return clamp(d, time.Second, 0xfffffffe)
}

func fromSeconds(n uint32) time.Duration {
	if n == 0xffffffff {
		return Infinite
	}
	return time.Duration(n) * time.Second
}

// parseOption makes an option of its type and of what follows the Length field.
// A known option of a length that its definition does not allow is kept as
// unknown: RFC 4861 lets a receiver ignore it, not the message.
func parseOption(t OptionType, d []byte) Option {
	switch {
	case t == OptionSourceLinkLayerAddress:
		return SourceLinkLayerAddress{bytes.Clone(d)}
	case t == OptionTargetLinkLayerAddress:
		return TargetLinkLayerAddress{bytes.Clone(d)}
	case t == OptionPrefixInformation && len(d) == 30 && d[0] <= 128:
		return PrefixInformation{
			Length: d[0], OnLink: d[1]&pioOnLink != 0, Autonomous: d[1]&pioAutonomous != 0,
			RouterAddress: d[1]&pioRouter != 0, Flags: d[1] &^ pioKnown,
			Valid: fromSeconds(be.Uint32(d[2:])), Preferred: fromSeconds(be.Uint32(d[6:])),
			Reserved: be.Uint32(d[10:]), Prefix: addr(d[14:]),
		}
	case t == OptionMTU && len(d) == 6:
		return MTU{Reserved: be.Uint16(d), MTU: be.Uint32(d[2:])}
	case t == OptionAdvertisementInterval && len(d) == 6:
		return AdvertisementInterval{
			Reserved: be.Uint16(d), Interval: time.Duration(be.Uint32(d[2:])) * time.Millisecond,
		}
	case t == OptionHomeAgentInformation && len(d) == 6:
		return HomeAgentInformation{
			Router: d[0]&0x80 != 0, Reserved: be.Uint16(d) &^ discoveryRouter, Preference: be.Uint16(d[2:]),
			Lifetime: time.Duration(be.Uint16(d[4:])) * time.Second,
		}
	}
	return UnknownOption{Type: t, Data: bytes.Clone(d)}
}
