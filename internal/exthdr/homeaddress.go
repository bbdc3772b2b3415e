package exthdr

import (
	"errors"
	"net/netip"
)

// OptionHomeAddress is the Home Address option's type. Its upper bits tell a
// node that does not know it to drop the packet and say so, and that it does
// not change en route (RFC 6275 §6.3).
const OptionHomeAddress = 0xc9

// ErrNoHomeAddress says that a Destination Options header is well-formed but
// holds no Home Address option.
var ErrNoHomeAddress = errors.New("no Home Address option in the Destination Options header")

// HomeAddressHeader makes a Destination Options header that holds a Home
// Address option, aligned at 8n+6.
func HomeAddressHeader(next uint8, home netip.Addr) []byte {
	b := make([]byte, 24)
	b[0], b[1] = next, 2
	b[2], b[3] = OptionPadN, 2
	b[6], b[7] = OptionHomeAddress, 16
	a := home.As16()
	copy(b[8:], a[:])
	return b
}

// FindHomeAddress finds the Home Address option in a Destination Options
// header, which begins at b[0] and may be followed by anything. offset is the
// option's place, for an ICMPv6 pointer. A second Home Address option is an
// error (§6.3). Whether the address may be a home address is the caller's
// question (§9.3.1: unicast, routable). The error is ErrNoHomeAddress or a
// *ParseError.
func FindHomeAddress(b []byte) (home netip.Addr, offset int, err error) {
	if b, err = cutOptions(b); err != nil {
		return netip.Addr{}, 0, err
	}
	for at := 2; at < len(b); {
		o, next, err := optionAt(b, at)
		switch {
		case err != nil:
			return netip.Addr{}, at, err
		case o.Type != OptionHomeAddress:
		case len(o.Data) != 16:
			return netip.Addr{}, at, malformed(at, "the Home Address option has length %d, not 16", len(o.Data))
		case home.IsValid():
			return netip.Addr{}, at, malformed(at, "a second Home Address option for one IPv6 header")
		default:
			home, offset = netip.AddrFrom16([16]byte(o.Data)), at
		}
		at = next
	}
	if !home.IsValid() {
		return netip.Addr{}, 0, ErrNoHomeAddress
	}
	return home, offset, nil
}
