package ingress

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"mip6d/internal/clsact"
	"mip6d/internal/role"
)

func (n *network) openFlower(t *testing.T) *Flower {
	t.Helper()
	var f *Flower
	var err error
	n.ha.Do(func() { f, err = NewFlower(n.config()) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestKernelFlowerRFC6275_10_4_5_OuterSourceIsTheCareOfAddress(t *testing.T) {
	n := newNetwork(t)
	f := n.openFlower(t)
	set := func(bindings ...role.Binding) {
		t.Helper()
		if errs := f.Set(bindings); errs != nil {
			t.Fatal(errs)
		}
	}
	n.passing(coa1, hoa1, 1) // nothing is bound yet
	set(role.Binding{HomeAddress: hoa1, CareOf: coa1}, role.Binding{HomeAddress: hoa2, CareOf: coa2})
	n.passing(coa1, hoa1, 2) // right
	n.passing(coa2, hoa1, 3)
	n.passing(coa2, hoa2, 4) // right
	n.passing(coa1, netip.MustParseAddr("2001:db8:1::103"), 5)
	set(role.Binding{HomeAddress: hoa1, CareOf: coa2})
	n.passing(coa2, hoa1, 6) // moved
	n.passing(coa1, hoa1, 7)
	if errs := f.Clear([]netip.Addr{hoa1, netip.MustParseAddr("2001:db8:1::1")}); errs != nil {
		t.Fatal(errs)
	}
	n.passing(coa2, hoa1, 8)
	if diff := cmp.Diff([]uint16{2, 4, 6}, echoes(n.atHost.collect(quiet))); diff != "" {
		t.Errorf("echo requests at the host (-want +got):\n%s", diff)
	}
	if c, err := f.Counters(); err != nil || c[CountTunnelDropped] != 5 {
		t.Errorf("counters %v, %v; want 5 dropped", c, err)
	}

	// A restart, in which the binding of hoa1 is new and that of hoa2 is gone.
	set(role.Binding{HomeAddress: hoa1, CareOf: coa1})
	f.Close()
	n.passing(coa2, hoa2, 20) // works on
	f = n.openFlower(t)
	n.passing(coa2, hoa2, 21) // still
	set(role.Binding{HomeAddress: hoa1, CareOf: coa2})
	if removed, err := f.Settle(); removed != 1 || err != nil {
		t.Errorf("Settle removed %d (%v), want 1", removed, err)
	}
	n.passing(coa2, hoa2, 22)
	n.passing(coa1, hoa1, 23)
	n.passing(coa2, hoa1, 24) // the new one, in place of the old
	if diff := cmp.Diff([]uint16{20, 21, 24}, echoes(n.atHost.collect(quiet))); diff != "" {
		t.Errorf("echo requests at the host (-want +got):\n%s", diff)
	}
	if err := f.Detach(); err != nil {
		t.Fatal(err)
	}
	if fs, err := clsact.Filters(n.ha.NL, n.ha.Index("mip6t"), netlink.HANDLE_MIN_INGRESS); len(fs) != 0 || err != nil {
		t.Errorf("Detach left %v (%v)", fs, err)
	}
}

func TestKernelOpenPrefersBPF(t *testing.T) {
	n := newNetwork(t)
	var c Check
	var noBPF, err error
	n.ha.Do(func() { c, noBPF, err = Open(n.config()) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(*Gate); !ok || noBPF != nil {
		t.Errorf("opened %T because of %v, want a Gate", c, noBPF)
	}
}

func TestWithoutBPF(t *testing.T) {
	if !withoutBPF(fmt.Errorf("load: %w", os.ErrPermission)) {
		t.Error("a missing capability must lead to Flower")
	}
	if withoutBPF(errors.New("a filter of somebody else is at our place")) {
		t.Error("any other error must be told, not covered up")
	}
}
