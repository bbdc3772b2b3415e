package icmp6

import (
	"net/netip"
	"testing"
)

// RFC 2526 §2, with the identifier of §4.
func TestRFC2526_2_HomeAgentsAnycast(t *testing.T) {
	for prefix, want := range map[string]string{
		"2001:db8:1::/64":        "2001:db8:1::fdff:ffff:ffff:fffe",
		"2001:db8:1:2::5/64":     "2001:db8:1:2:fdff:ffff:ffff:fffe",
		"2001:db8:1::/48":        "2001:db8:1:ffff:ffff:ffff:ffff:fffe",
		"2001:db8:1::/60":        "2001:db8:1:f:ffff:ffff:ffff:fffe",
		"2001:db8:1:0:8000::/65": "2001:db8:1:0:ffff:ffff:ffff:fffe",
		"2001:db8:1::/112":       "2001:db8:1::fffe",
	} {
		if got := HomeAgentsAnycast(netip.MustParsePrefix(prefix)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", prefix, got, want)
		}
	}
}
