package main

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"mip6d/internal/config"
)

func TestHomeAddressesAreMadeOfInterfaces(t *testing.T) {
	text := func(homes string) string {
		return "# %s\nmobile_node:\n  allow_unauthenticated: true\n  interfaces: [{name: wlan0}, {name: ppp0}]\n  homes:\n" + homes
	}
	const made = "2001:db8:1:0:a8:bbff:fecc:ddee/64" // RFC 4291 appendix A
	linkAddr := func(name string) ([]byte, error) {
		switch name {
		case "wlan0":
			return []byte{0x02, 0xa8, 0xbb, 0xcc, 0xdd, 0xee}, nil
		case "ppp0":
			return nil, nil
		}
		return nil, errors.New("no such interface")
	}
	for _, c := range []struct{ homes, want string }{
		{"    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64}\n", ""},
		{"    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64, interface: ppp0}\n", "give the home address"},
		{"    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64, interface: eth7}\n", "no such interface"},
		{"    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64}\n    - home_address: " + made + "\n", "of two homes"},
	} {
		cfg := load(t, text(c.homes))
		err := formHomeAddresses(cfg, linkAddr)
		switch got := cfg.MobileNode.Homes[0].HomeAddress; {
		case c.want == "" && (err != nil || got != netip.MustParsePrefix(made)):
			t.Errorf("%s: %s, %v", c.homes, got, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.homes, err, c.want)
		}
	}
	if err := formHomeAddresses(&config.Config{}, linkAddr); err != nil {
		t.Error(err)
	}
}
