package exthdr

import (
	"errors"
	"fmt"
	"net/netip"
)

// OptionHomeAddress is the Home Address option's type. Its upper bits tell a
// node that does not know it to drop the packet and say so, and that it does
// not change en route (RFC 6275 §6.3).
const OptionHomeAddress = 0xc9

const (
	optionPad1 = 0
	optionPadN = 1
)

// ErrNoHomeAddress says that a Destination Options header is well-formed but
// holds no Home Address option.
var ErrNoHomeAddress = errors.New("no Home Address option in the Destination Options header")

// HomeAddressHeader makes a Destination Options header that holds a Home
// Address option, aligned at 8n+6.
func HomeAddressHeader(next uint8, home netip.Addr) []byte {
	b := make([]byte, 24)
	b[0], b[1] = next, 2
	b[2], b[3] = optionPadN, 2
	b[6], b[7] = OptionHomeAddress, 16
	a := home.As16()
	copy(b[8:], a[:])
	return b
}

// FindHomeAddress finds the Home Address option in a Destination Options
// header, which begins at b[0] and may be followed by anything. offset is the
// option's place, for an ICMPv6 pointer. A second Home Address option is an
// error (§6.3).
func FindHomeAddress(b []byte) (home netip.Addr, offset int, err error) {
	if len(b) < 8 || (int(b[1])+1)*8 > len(b) {
		return netip.Addr{}, 0, fmt.Errorf("Destination Options header of %d octets is cut off", len(b))
	}
	b = b[:(int(b[1])+1)*8]
	for at := 2; at < len(b); {
		if b[at] == optionPad1 {
			at++
			continue
		}
		if at+1 >= len(b) || at+2+int(b[at+1]) > len(b) {
			return netip.Addr{}, at, fmt.Errorf("option %d at octet %d of the Destination Options header is cut off", b[at], at)
		}
		n := int(b[at+1])
		if b[at] == OptionHomeAddress {
			if n != 16 {
				return netip.Addr{}, at, fmt.Errorf("Home Address option has length %d, not 16", n)
			}
			if home.IsValid() {
				return netip.Addr{}, at, errors.New("second Home Address option in one packet")
			}
			home, offset = netip.AddrFrom16([16]byte(b[at+2:])), at
		}
		at += 2 + n
	}
	if !home.IsValid() {
		return netip.Addr{}, 0, ErrNoHomeAddress
	}
	return home, offset, nil
}
