package rtnl

import (
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

func FuzzParseLabel(f *testing.F) {
	f.Add(Label{netip.MustParsePrefix("2001:db8:1::/64"), 50}.body())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, ok := parseLabel(b)
		if !ok {
			return
		}
		if again, ok := parseLabel(l.body()); !ok || again != l {
			t.Errorf("%v becomes %v", l, again)
		}
	})
}

// Rows of ours come, change and go, in one run after another, and what was there before
// returns; what somebody else has changed since stays his.
func TestKernelAddressLabelsAreRestored(t *testing.T) {
	testkernel.Namespace(t)
	home, ula, other := netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("2001:db8:c::/48")
	before, err := labels()
	must(t, err)
	if before[ula] != 5 || len(before) < 5 {
		t.Fatalf("the kernel's own table is %v", before)
	}
	dir := t.TempDir()
	open := func() *Labels { // as if the run before was killed
		t.Helper()
		l, err := OpenLabels(dir)
		must(t, err)
		return l
	}
	shows := func(what string, changes map[netip.Prefix]uint32) {
		t.Helper()
		want := map[netip.Prefix]uint32{}
		for p, l := range before {
			want[p] = l
		}
		for p, l := range changes {
			want[p] = l
		}
		got, err := labels()
		must(t, err)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
	}
	must(t, open().Set([]Label{{home, 50}, {ula, 51}}))
	shows("set", map[netip.Prefix]uint32{home: 50, ula: 51})
	must(t, open().Set([]Label{{home, 60}, {other, 60}}))
	shows("the next run's", map[netip.Prefix]uint32{home: 60, other: 60})
	c, err := dial()
	must(t, err)
	defer c.close()
	must(t, c.do(Label{other, 7}.set()))
	must(t, open().Restore())
	shows("restored", map[netip.Prefix]uint32{other: 7})
	must(t, open().Set([]Label{{other, 7}}))
	must(t, open().Restore())
	shows("what was so already", map[netip.Prefix]uint32{other: 7})
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left in the run directory: %v", files)
	}
}

// Two home addresses of one home agent: a socket that is bound to nothing gets the
// first, or the one whose label is the destination's (RFC 6724 §5 rule 6). A deprecated
// one gives way to the care-of address (rule 3), and a run after that prefers it again.
func TestKernelSourceOfAnUnboundSocket(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	second := netip.MustParseAddr("2001:db8:1:1::200")
	set := func(deprecated bool) {
		t.Helper()
		m, err := OpenMobileNode(Marks{}, false)
		must(t, err)
		defer m.Close()
		for _, a := range []netip.Addr{hoa, second} {
			p := homePath(role.PathTunnelled, eth0)
			p.HomeAddress, p.Deprecated = netip.PrefixFrom(a, 64), deprecated
			must(t, setPath(m, p))
		}
	}
	free := func(what, want string) {
		t.Helper()
		if got := way(t, netip.Addr{}); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	set(false)
	first := way(t, netip.Addr{})
	labelled := map[string]netip.Addr{"mip6n0 from " + hoa.String(): second, "mip6n0 from " + second.String(): hoa}[first]
	if !labelled.IsValid() {
		t.Fatalf("without labels: %s", first)
	}
	l, err := OpenLabels(t.TempDir())
	must(t, err)
	must(t, l.Set([]Label{{netip.PrefixFrom(labelled, 64).Masked(), 50}, {netip.PrefixFrom(cn, 64).Masked(), 50}}))
	free("the other is labelled", "mip6n0 from "+labelled.String())
	must(t, l.Restore())
	free("restored", first)
	set(true)
	free("care-of addresses preferred", "eth0 from "+coa.String())
	if got := way(t, hoa); got != "mip6n0" {
		t.Errorf("bound to the home address: %s", got)
	}
	set(false)
	free("home addresses preferred again", first)
}
