package config

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadIPv4(t *testing.T) {
	got, err := Load(write(t, `
home_agent:
  links: [{interface: eth0, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}]
  mobile_nodes: [{home_address: 2001:db8:1::100, ipv4_home_address: 192.0.2.100, auth: {spi: 256, key_file: key}}]
  ipv4_pool: [198.51.100.0/24, 10.0.0.7/32]
`))
	if err != nil {
		t.Fatal(err)
	}
	if a := got.HomeAgent.MobileNodes[0].IPv4HomeAddress; a != netip.MustParseAddr("192.0.2.100") {
		t.Errorf("%s", a)
	}
	want := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("10.0.0.7/32")}
	if diff := cmp.Diff(want, got.HomeAgent.IPv4Pool, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if !got.HomeAgent.ServesIPv4() || (&HomeAgent{MobileNodes: make([]MobileNodeEntry, 1)}).ServesIPv4() {
		t.Error("ServesIPv4")
	}
}

// One home has the default route: which one says so, else the first.
func TestLoadIPv4Homes(t *testing.T) {
	for name, tt := range map[string]struct {
		second, third string
		want          [3]bool
	}{
		"the first":     {"", "", [3]bool{false, true, false}},
		"not the first": {", ipv4_default_route: off", "", [3]bool{false, false, true}},
		"the last":      {"", ", ipv4_default_route: on", [3]bool{false, false, true}},
		"none":          {", ipv4_default_route: off", ", ipv4_default_route: off", [3]bool{}},
	} {
		got, err := Load(write(t, `
mobile_node:
  homes:
    - {home_address: 2001:db8:1::100/64, home_agent: 2001:db8:1::1, auth: {spi: 256, key_file: key}}
    - {home_address: 2001:db8:1::101/64, home_agent: 2001:db8:1::1, auth: {spi: 256, key_file: key}, ipv4_home_address: 192.0.2.100`+tt.second+`}
    - {home_address: 2001:db8:1::102/64, home_agent: 2001:db8:1::1, auth: {spi: 256, key_file: key}, ipv4_home_address: dynamic`+tt.third+`}
  interfaces: [{name: wlan0}]
`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		h := got.MobileNode.Homes
		if h[0].IPv4 != nil || h[1].IPv4.Addr != netip.MustParseAddr("192.0.2.100") || h[2].IPv4.Addr != netip.IPv4Unspecified() {
			t.Errorf("%s: %+v, %+v", name, h[1].IPv4, h[2].IPv4)
		}
		for i, want := range tt.want {
			if i > 0 && h[i].IPv4.Default != want {
				t.Errorf("%s: default route of homes[%d] %v, want %v", name, i, h[i].IPv4.Default, want)
			}
		}
	}
}
