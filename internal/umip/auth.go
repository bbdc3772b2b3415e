package umip

import (
	"fmt"
	"net/netip"
	"strings"
)

// auth writes the reference to a key that does not exist yet. Index and file
// name come from the home address, so that the files of a home agent and of its
// mobile nodes agree although each is converted alone.
func (c *converter) auth(hoa netip.Addr) {
	c.line(fmt.Sprintf("auth: {spi: %d, key_file: %s}", spi(hoa), scalar("keys/"+keyName(hoa))), "")
}

// firstSPI is the first index that is not reserved (RFC 4285 §5.1).
const firstSPI = 256

func spi(hoa netip.Addr) int {
	b := hoa.As16()
	return firstSPI + int(b[14])<<8 + int(b[15])
}

func keyName(hoa netip.Addr) string { return strings.ReplaceAll(hoa.String(), ":", "-") }

// keys says what is to be done about them, before the list of those who need
// them. The peer is the one to share them with.
func (c *converter) keys(peer string) {
	c.todo("make the key file of each home address below, and give the %s the same. UMIP knew IPsec only; mip6d wants a key that both sides share "+
		"(RFC 4285). The indices (spi) and file names come from the home addresses, so that both sides' converted files agree; names are relative "+
		"to this file's directory.", peer)
	c.comment("  (umask 077; mkdir -p keys; openssl rand -hex 20 > keys/NAME)")
	c.comment("Both clocks must agree to a few seconds; where they don't, say replay: sequence in auth, on both sides.")
	switch s := c.last("UseMnHaIPsec"); {
	case s != nil && !s.yes:
		c.comment(s.text() + ": registrations were not protected at all. To go on like that, or with a peer that still runs UMIP: " +
			"take auth out and say allow_unauthenticated: true. Anybody can redirect these addresses then.")
	case s != nil:
		c.comment(s.text() + ": a peer that still runs UMIP knows no such key.")
	default:
		c.comment("A peer that still runs UMIP knows no such key.")
	}
}
