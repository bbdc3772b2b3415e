package mh

import (
	"net/netip"
	"time"
)

// Message is one Mobility Header message.
type Message interface {
	Type() Type
	// Base returns what all messages have in common.
	Base() *Header
	// The fixed part after the checksum, §6.1.2–6.1.9.
	bodyLen() int
	parseBody(b []byte)
	putBody(b []byte)
}

// Header is what all messages have in common. A new message leaves Reserved,
// Checksum and Verbatim zero.
type Header struct {
	Reserved uint8  // kept as received; ignored
	Checksum uint16 // as received; see SetChecksum
	Verbatim bool   // Options stand as they were received: Marshal adds no padding
	Options  Options
}

// Base returns the header itself.
func (h *Header) Base() *Header { return h }

// BindingRefreshRequest asks a mobile node to update its binding, §6.1.2.
type BindingRefreshRequest struct {
	Header
	Reserved2 uint16
}

// HomeTestInit starts return routability through the home agent, §6.1.3.
type HomeTestInit struct {
	Header
	Reserved2 uint16
	Cookie    [8]byte // Home Init Cookie
}

// CareOfTestInit starts return routability on the direct path, §6.1.4.
type CareOfTestInit struct {
	Header
	Reserved2 uint16
	Cookie    [8]byte // Care-of Init Cookie
}

// HomeTest answers a HomeTestInit, §6.1.5.
type HomeTest struct {
	Header
	NonceIndex uint16  // Home Nonce Index
	Cookie     [8]byte // Home Init Cookie
	Token      [8]byte // Home Keygen Token
}

// CareOfTest answers a CareOfTestInit, §6.1.6.
type CareOfTest struct {
	Header
	NonceIndex uint16  // Care-of Nonce Index
	Cookie     [8]byte // Care-of Init Cookie
	Token      [8]byte // Care-of Keygen Token
}

// BindingUpdate tells of a care-of address, §6.1.7.
type BindingUpdate struct {
	Header
	Sequence  uint16
	Ack       bool   // A: Acknowledge
	Home      bool   // H: Home Registration
	LinkLocal bool   // L: Link-Local Address Compatibility
	KeyMgmt   bool   // K: Key Management Mobility Capability
	MAP       bool   // M: RFC 5380
	Router    bool   // R: Mobile Router, RFC 3963 §4.1
	Flags     uint16 // the other bits, kept as received
	Lifetime  time.Duration
}

// BindingAcknowledgement answers a BindingUpdate, §6.1.8.
type BindingAcknowledgement struct {
	Header
	Status   Status
	KeyMgmt  bool  // K
	Router   bool  // R: RFC 3963 §4.2
	Flags    uint8 // the other bits, kept as received
	Sequence uint16
	Lifetime time.Duration
}

// BindingError tells of an unusable Home Address option or MH Type, §6.1.9.
type BindingError struct {
	Header
	Status      Status // ErrorUnknownBinding or ErrorUnknownType
	Reserved2   uint8
	HomeAddress netip.Addr
}

// Unknown is a message of an MH Type that this codec does not know. Parse
// answers those with an error (§9.2); ParseUnknown reads them for people.
type Unknown struct {
	Header
	MHType Type
	Data   []byte // Message Data: everything after the checksum
}

// Type returns the type as received.
func (m *Unknown) Type() Type { return m.MHType }

// Type returns TypeBindingRefreshRequest.
func (*BindingRefreshRequest) Type() Type { return TypeBindingRefreshRequest }

// Type returns TypeHomeTestInit.
func (*HomeTestInit) Type() Type { return TypeHomeTestInit }

// Type returns TypeCareOfTestInit.
func (*CareOfTestInit) Type() Type { return TypeCareOfTestInit }

// Type returns TypeHomeTest.
func (*HomeTest) Type() Type { return TypeHomeTest }

// Type returns TypeCareOfTest.
func (*CareOfTest) Type() Type { return TypeCareOfTest }

// Type returns TypeBindingUpdate.
func (*BindingUpdate) Type() Type { return TypeBindingUpdate }

// Type returns TypeBindingAcknowledgement.
func (*BindingAcknowledgement) Type() Type { return TypeBindingAcknowledgement }

// Type returns TypeBindingError.
func (*BindingError) Type() Type { return TypeBindingError }

// newMessage returns an empty message of a type, nil for an unknown type.
func newMessage(t Type) Message {
	switch t {
	case TypeBindingRefreshRequest:
		return new(BindingRefreshRequest)
	case TypeHomeTestInit:
		return new(HomeTestInit)
	case TypeCareOfTestInit:
		return new(CareOfTestInit)
	case TypeHomeTest:
		return new(HomeTest)
	case TypeCareOfTest:
		return new(CareOfTest)
	case TypeBindingUpdate:
		return new(BindingUpdate)
	case TypeBindingAcknowledgement:
		return new(BindingAcknowledgement)
	case TypeBindingError:
		return new(BindingError)
	}
	return nil
}
