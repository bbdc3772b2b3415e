package role

import (
	"net/netip"
	"testing"
)

func TestPolicyTheLongestPrefixDecides(t *testing.T) {
	prefix := netip.MustParsePrefix
	p := Policy{
		Allow: []netip.Prefix{prefix("2001:db8::/32"), prefix("2001:db8:c:1::/64")},
		Deny:  []netip.Prefix{prefix("2001:db8:c::/48"), prefix("2001:db8:c:1::/64"), prefix("2001:db8:c:1::7/128")},
	}
	for _, byDefault := range []bool{true, false} {
		p.Default = byDefault
		for _, c := range []struct {
			peer string
			want bool
		}{
			{"2001:db9::1", byDefault},
			{"2001:db8:1::1", true},
			{"2001:db8:c::1", false},
			{"2001:db8:c:1::1", false}, // allowed and denied at the same length
			{"2001:db8:c:1::7", false},
		} {
			if got := p.Permits(netip.MustParseAddr(c.peer)); got != c.want {
				t.Errorf("default %v, %s: %v, want %v", byDefault, c.peer, got, c.want)
			}
		}
	}
	if (Policy{}).Permits(netip.MustParseAddr("2001:db8::1")) {
		t.Error("the zero policy permits")
	}
}
