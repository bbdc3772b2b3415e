package icmp6

import (
	"net/netip"
	"strconv"
	"time"
)

// Type is the Type field of an ICMPv6 message.
type Type uint8

// ICMPv6 types.
const (
	TypeDestinationUnreachable    Type = 1
	TypePacketTooBig              Type = 2
	TypeTimeExceeded              Type = 3
	TypeParameterProblem          Type = 4
	TypeRouterSolicitation        Type = 133
	TypeRouterAdvertisement       Type = 134
	TypeNeighborSolicitation      Type = 135
	TypeNeighborAdvertisement     Type = 136
	TypeHomeAgentDiscoveryRequest Type = 144 // RFC 6275 §6.5
	TypeHomeAgentDiscoveryReply   Type = 145 // RFC 6275 §6.6
	TypeMobilePrefixSolicitation  Type = 146 // RFC 6275 §6.7
	TypeMobilePrefixAdvertisement Type = 147 // RFC 6275 §6.8
)

// Infinite is a lifetime of all ones: without end.
const Infinite = time.Duration(1<<63 - 1)

var typeNames = map[Type]string{
	TypeDestinationUnreachable:    "Destination Unreachable",
	TypePacketTooBig:              "Packet Too Big",
	TypeTimeExceeded:              "Time Exceeded",
	TypeParameterProblem:          "Parameter Problem",
	TypeRouterSolicitation:        "Router Solicitation",
	TypeRouterAdvertisement:       "Router Advertisement",
	TypeNeighborSolicitation:      "Neighbor Solicitation",
	TypeNeighborAdvertisement:     "Neighbor Advertisement",
	TypeHomeAgentDiscoveryRequest: "Home Agent Address Discovery Request",
	TypeHomeAgentDiscoveryReply:   "Home Agent Address Discovery Reply",
	TypeMobilePrefixSolicitation:  "Mobile Prefix Solicitation",
	TypeMobilePrefixAdvertisement: "Mobile Prefix Advertisement",
}

// String is the message's name in its RFC.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return "ICMPv6 type " + strconv.Itoa(int(t))
}

// Message is one ICMPv6 message of this package.
type Message interface {
	Type() Type
	// bodyLen is the length of the fixed part after the checksum.
	bodyLen() int
	parseBody(b []byte)
	putBody(b []byte)
	// Base returns what all messages have in common.
	Base() *Header
}

// Header is what all messages have in common.
type Header struct {
	Code     uint8
	Checksum uint16 // as received; see SetChecksum
	Options  Options
}

// Base returns the header itself.
func (h *Header) Base() *Header { return h }

// RouterSolicitation is RFC 4861 §4.1.
type RouterSolicitation struct {
	Header
	Reserved uint32
}

// Preference is the Prf field of RFC 4191 §2.2: 0 medium, 1 high, 3 low.
type Preference uint8

// RouterAdvertisement is RFC 4861 §4.2 with the H flag of RFC 6275 §7.1 and
// the preference of RFC 4191.
type RouterAdvertisement struct {
	Header
	CurHopLimit    uint8
	Managed        bool // M
	Other          bool // O
	HomeAgent      bool // H: the router is a home agent on this link
	Preference     Preference
	Flags          uint8         // the other bits, kept as received
	RouterLifetime time.Duration // whole seconds; 0: no default router
	ReachableTime  time.Duration // whole milliseconds; 0: unspecified
	RetransTimer   time.Duration // whole milliseconds; 0: unspecified
}

// NeighborSolicitation is RFC 4861 §4.3.
type NeighborSolicitation struct {
	Header
	Reserved uint32
	Target   netip.Addr
}

// NeighborAdvertisement is RFC 4861 §4.4.
type NeighborAdvertisement struct {
	Header
	Router    bool   // R
	Solicited bool   // S
	Override  bool   // O
	Reserved  uint32 // the other bits, kept as received
	Target    netip.Addr
}

// HomeAgentDiscoveryRequest is RFC 6275 §6.5 with the R flag of RFC 3963 §7.1.
type HomeAgentDiscoveryRequest struct {
	Header
	Identifier uint16
	Router     bool
	Flags      uint16 // the other bits, kept as received
}

// HomeAgentDiscoveryReply is RFC 6275 §6.6 with the R flag of RFC 3963 §7.2.
type HomeAgentDiscoveryReply struct {
	Header
	Identifier uint16
	Router     bool
	Flags      uint16
	HomeAgents []netip.Addr
}

// MobilePrefixSolicitation is RFC 6275 §6.7.
type MobilePrefixSolicitation struct {
	Header
	Identifier uint16
	Reserved   uint16
}

// MobilePrefixAdvertisement is RFC 6275 §6.8.
type MobilePrefixAdvertisement struct {
	Header
	Identifier uint16
	Managed    bool // M
	Other      bool // O
	Flags      uint16
}

// Type returns TypeRouterSolicitation.
func (*RouterSolicitation) Type() Type { return TypeRouterSolicitation }

// Type returns TypeRouterAdvertisement.
func (*RouterAdvertisement) Type() Type { return TypeRouterAdvertisement }

// Type returns TypeNeighborSolicitation.
func (*NeighborSolicitation) Type() Type { return TypeNeighborSolicitation }

// Type returns TypeNeighborAdvertisement.
func (*NeighborAdvertisement) Type() Type { return TypeNeighborAdvertisement }

// Type returns TypeHomeAgentDiscoveryRequest.
func (*HomeAgentDiscoveryRequest) Type() Type { return TypeHomeAgentDiscoveryRequest }

// Type returns TypeHomeAgentDiscoveryReply.
func (*HomeAgentDiscoveryReply) Type() Type { return TypeHomeAgentDiscoveryReply }

// Type returns TypeMobilePrefixSolicitation.
func (*MobilePrefixSolicitation) Type() Type { return TypeMobilePrefixSolicitation }

// Type returns TypeMobilePrefixAdvertisement.
func (*MobilePrefixAdvertisement) Type() Type { return TypeMobilePrefixAdvertisement }

func newMessage(t Type) Message {
	switch t {
	case TypeRouterSolicitation:
		return new(RouterSolicitation)
	case TypeRouterAdvertisement:
		return new(RouterAdvertisement)
	case TypeNeighborSolicitation:
		return new(NeighborSolicitation)
	case TypeNeighborAdvertisement:
		return new(NeighborAdvertisement)
	case TypeHomeAgentDiscoveryRequest:
		return new(HomeAgentDiscoveryRequest)
	case TypeHomeAgentDiscoveryReply:
		return new(HomeAgentDiscoveryReply)
	case TypeMobilePrefixSolicitation:
		return new(MobilePrefixSolicitation)
	case TypeMobilePrefixAdvertisement:
		return new(MobilePrefixAdvertisement)
	case TypeDestinationUnreachable:
		return new(DestinationUnreachable)
	case TypePacketTooBig:
		return new(PacketTooBig)
	case TypeTimeExceeded:
		return new(TimeExceeded)
	case TypeParameterProblem:
		return new(ParameterProblem)
	}
	return nil
}
