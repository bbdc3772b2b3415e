package mh

import (
	"net/netip"
	"strconv"
)

// IPv4HomeAddress asks for an IPv4 home address beside the IPv6 one, RFC 5555
// §3.1.1. Only in Binding Updates; there may be several.
type IPv4HomeAddress struct {
	PrefixLen  uint8      // 1–32; 32 for a single address
	WantPrefix bool       // P: a mobile network prefix is asked for
	Reserved   uint16     // nine bits, kept as received
	Addr       netip.Addr // 0.0.0.0: any that the home agent assigns
}

// IPv4AddressAcknowledgement says what has become of an IPv4HomeAddress, RFC
// 5555 §3.2.1. Only in Binding Acknowledgements.
type IPv4AddressAcknowledgement struct {
	Status    IPv4Status
	PrefixLen uint8      // 0–63, as on the wire; 0 with a failure
	Reserved  uint8      // two bits, kept as received
	Addr      netip.Addr // the IPv4 home address
}

// IPv4Status is the outcome for an IPv4 home address, RFC 5555 §3.2.1. Values
// below 128 are successes.
type IPv4Status uint8

// Statuses of RFC 5555 §3.2.1.
const (
	IPv4Accepted           IPv4Status = 0
	IPv4Unspecified        IPv4Status = 128 // failure, reason unspecified
	IPv4Prohibited         IPv4Status = 129 // administratively prohibited
	IPv4Incorrect          IPv4Status = 130 // not this mobile node's address
	IPv4Invalid            IPv4Status = 131 // no unicast address
	IPv4NoneToAssign       IPv4Status = 132 // dynamic assignment not available
	IPv4PrefixUnauthorized IPv4Status = 133
)

var ipv4StatusNames = map[IPv4Status]string{
	IPv4Accepted:           "accepted",
	IPv4Unspecified:        "reason unspecified",
	IPv4Prohibited:         "administratively prohibited",
	IPv4Incorrect:          "incorrect IPv4 home address",
	IPv4Invalid:            "invalid IPv4 address",
	IPv4NoneToAssign:       "dynamic IPv4 home address assignment not available",
	IPv4PrefixUnauthorized: "prefix allocation unauthorized",
}

// Accepted says whether the IPv4 home address is bound.
func (s IPv4Status) Accepted() bool { return s < 128 }

// String is the status's name in the RFC.
func (s IPv4Status) String() string {
	if name, ok := ipv4StatusNames[s]; ok {
		return name
	}
	return "IPv4 status " + strconv.Itoa(int(s))
}

// OptionType returns OptionIPv4HomeAddress.
func (IPv4HomeAddress) OptionType() OptionType { return OptionIPv4HomeAddress }

// OptionType returns OptionIPv4AddressAcknowledgement.
func (IPv4AddressAcknowledgement) OptionType() OptionType { return OptionIPv4AddressAcknowledgement }

const (
	ipv4WantPrefix = 1 << 9 // P, behind six bits of prefix length
	ipv4Reserved   = ipv4WantPrefix - 1
)

func (o IPv4HomeAddress) data(b []byte) []byte {
	head := uint16(o.PrefixLen)<<10 | o.Reserved&ipv4Reserved
	if o.WantPrefix {
		head |= ipv4WantPrefix
	}
	return appendAddr4(be.AppendUint16(b, head), o.Addr)
}

// checkIPv4HomeAddress: a prefix length of zero "is invalid and MUST be considered
// an error", and more than 32 is none of an IPv4 prefix.
func checkIPv4HomeAddress(d []byte, at int) error {
	if n := d[0] >> 2; n == 0 || n > 32 {
		return silent(ReasonOptionValue, at, "the %s option has a prefix length of %d", OptionIPv4HomeAddress, n)
	}
	return nil
}

func parseIPv4HomeAddress(d []byte) Option {
	head := be.Uint16(d)
	return IPv4HomeAddress{
		PrefixLen: uint8(head >> 10), WantPrefix: head&ipv4WantPrefix != 0, Reserved: head & ipv4Reserved,
		Addr: netip.AddrFrom4([4]byte(d[2:])),
	}
}

func (o IPv4AddressAcknowledgement) data(b []byte) []byte {
	return appendAddr4(append(b, byte(o.Status), o.PrefixLen<<2|o.Reserved&3), o.Addr)
}

// parseIPv4AddressAcknowledgement leaves the prefix length to its reader, who
// ignores that of a failure.
func parseIPv4AddressAcknowledgement(d []byte) Option {
	return IPv4AddressAcknowledgement{
		Status: IPv4Status(d[0]), PrefixLen: d[1] >> 2, Reserved: d[1] & 3, Addr: netip.AddrFrom4([4]byte(d[2:])),
	}
}

// appendAddr4 appends an IPv4 address; anything else counts as 0.0.0.0.
func appendAddr4(b []byte, a netip.Addr) []byte {
	if a = a.Unmap(); !a.Is4() {
		a = netip.IPv4Unspecified()
	}
	a4 := a.As4()
	return append(b, a4[:]...)
}
