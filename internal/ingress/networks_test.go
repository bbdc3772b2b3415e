package ingress

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

var (
	netWide   = netip.MustParsePrefix("2001:db8:a::/48")
	netWithin = netip.MustParsePrefix("2001:db8:a:5::/64")
	inWide    = netip.MustParseAddr("2001:db8:a::7")
	inWithin  = netip.MustParseAddr("2001:db8:a:5::7")
)

// RFC 3963 §6.4: packets from a mobile network must come from the care-of address
// of its mobile router, with either making of the check.
//
// Requirements: 3963-4.1-1, 3963-6.6-1, 3963-9-5
func TestKernelRFC3963_6_4_MobileNetworksComeFromTheirRouter(t *testing.T) {
	for name, open := range map[string]func(*network) Check{
		"bpf":    func(n *network) Check { return n.open(t, n.config()) },
		"flower": func(n *network) Check { return n.openFlower(t) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			c := open(n)
			set := func(b role.Binding) {
				t.Helper()
				if errs := c.Set([]role.Binding{b}); errs != nil {
					t.Fatal(errs)
				}
			}
			router := role.Binding{HomeAddress: hoa1, CareOf: coa1, MobilePrefixes: []netip.Prefix{netWide, netWithin}}
			n.passing(coa1, inWide, 1) // nothing is bound yet
			set(router)
			n.passing(coa1, inWide, 2)   // right
			n.passing(coa1, inWithin, 3) // right
			n.passing(coa1, hoa1, 4)     // right
			n.passing(coa2, inWide, 5)   // another's
			n.passing(coa1, netip.MustParseAddr("2001:db8:b::1"), 6)
			router.CareOf, router.MobilePrefixes = coa2, []netip.Prefix{netWithin}
			set(router)
			n.passing(coa2, inWithin, 7) // moved
			n.passing(coa1, inWithin, 8)
			n.passing(coa2, inWide, 9) // given up
			set(role.Binding{HomeAddress: hoa2, CareOf: coa1, MobilePrefixes: []netip.Prefix{netWithin}})
			if errs := c.Clear([]netip.Addr{hoa1}); errs != nil {
				t.Fatal(errs)
			}
			n.passing(coa1, inWithin, 10) // it has another router by now
			n.passing(coa2, inWithin, 11)
			if errs := c.Clear([]netip.Addr{hoa2}); errs != nil {
				t.Fatal(errs)
			}
			n.passing(coa1, inWithin, 12)
			if diff := cmp.Diff([]uint16{2, 3, 4, 7, 10}, echoes(n.atHost.collect(quiet))); diff != "" {
				t.Errorf("echo requests at the host (-want +got):\n%s", diff)
			}
		})
	}
}

// A restart finds the networks, and Settle ends those that nobody has set again.
func TestKernelRestartKeepsMobileNetworks(t *testing.T) {
	n := newNetwork(t)
	router := role.Binding{HomeAddress: hoa1, CareOf: coa1, MobilePrefixes: []netip.Prefix{netWide, netWithin}}
	g := n.open(t, n.config())
	set(t, g, router)
	g.Close()
	n.passing(coa1, inWide, 1)
	g = n.open(t, n.config())
	n.passing(coa1, inWide, 2)
	router.MobilePrefixes = router.MobilePrefixes[:1]
	set(t, g, router)
	if _, err := g.Settle(); err != nil {
		t.Fatal(err)
	}
	n.passing(coa1, inWide, 3)
	if errs := g.Clear([]netip.Addr{hoa1}); errs != nil {
		t.Fatal(errs)
	}
	n.passing(coa1, inWithin, 4)
	if diff := cmp.Diff([]uint16{1, 2, 3}, echoes(n.atHost.collect(quiet))); diff != "" {
		t.Errorf("echo requests at the host (-want +got):\n%s", diff)
	}
}
