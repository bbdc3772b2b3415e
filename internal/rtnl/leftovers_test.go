package rtnl

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRoutesOfAnEarlierRunAreRecognised: what we write is what we read.
func TestRoutesOfAnEarlierRunAreRecognised(t *testing.T) {
	for _, r := range []route{
		{dst: host(hoa), table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 9, encapDst: coa, encapSrc: ha},
		{dst: netip.MustParsePrefix("fdca:fe00::/56"), table: 6275, protocol: 75, kind: unix.RTN_UNICAST, oif: 3},
		{dst: everything, table: 6277, protocol: 75, kind: unix.RTN_UNREACHABLE, metric: 7},
		{dst: host(ha), table: 6276, protocol: 75, kind: unix.RTN_UNICAST, oif: 3, via: netip.MustParseAddr("fe80::1")},
		{dst: everything4, table: 6279, protocol: 75, kind: unix.RTN_UNICAST, oif: 3, source: netip.MustParseAddr("192.0.2.7")},
		{dst: netip.MustParsePrefix("192.0.2.7/32"), table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 9, encapDst: coa, encapSrc: ha},
	} {
		b := r.body()
		if r.table >= 256 {
			b[4] = unix.RT_TABLE_COMPAT // as the kernel tells
		}
		if got, ok := decodeRoute(b); !ok || got != r {
			t.Errorf("%+v\nis read as %+v (%v)", r, got, ok)
		}
	}
}

// TestDecodeRouteOfTheKernel reads a message in the layout of Linux 6.1's dumps, made
// by hand: the kernel tells an identifier, a traffic class and flags beside a
// tunnel's end points, and the default metric. TestKernelRestartLeavesRoutesAlone has
// a kernel's own.
func TestDecodeRouteOfTheKernel(t *testing.T) {
	const (
		before = "0a800000fe4b000100000000" + "08000f00fe000000" + "1400010020010db8000100000000000000000100" +
			"0800060000040000" + "0800040009000000" + "24000c00" + "0000000000000000000000000000000000000000000000000000000000000000"
		encap = "50001600" + "0c0001000000000000000000" + "1400020020010db800f100000000000000000100" +
			"1400030020010db8000100000000000000000001" + "0500050000000000" + "05000400%s000000" + "0600060000000000"
		after = "0600150004000000" + "0500140000000000"
	)
	want := route{dst: host(hoa), table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 9, encapDst: coa, encapSrc: ha}
	read := func(hopLimit string) (route, bool) {
		t.Helper()
		s := before + encap[:len(encap)-len("%s000000")-len("0600060000000000")] + hopLimit + "000000" + "0600060000000000" + after
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return decodeRoute(b)
	}
	if got, ok := read("40"); !ok || got != want {
		t.Errorf("read as %+v (%v), want %+v", got, ok, want)
	}
	if got, ok := read("3f"); ok {
		t.Errorf("another hop limit, and it counts as ours: %+v", got)
	}
}

// TestDecodeUnreachableRoute: the kernel tells that it leads to loopback.
func TestDecodeUnreachableRoute(t *testing.T) {
	want := route{dst: everything, table: 6275, protocol: 75, kind: unix.RTN_UNREACHABLE}
	told := want
	told.oif = 1
	b := told.body()
	b[4] = unix.RT_TABLE_COMPAT
	if got, ok := decodeRoute(b); !ok || got != want {
		t.Errorf("read as %+v (%v)", got, ok)
	}
}

func FuzzDecodeRoute(f *testing.F) {
	f.Add(route{dst: host(hoa), table: 6275, protocol: 75, kind: unix.RTN_UNICAST, oif: 9, encapDst: coa, encapSrc: ha}.body())
	f.Fuzz(func(t *testing.T, b []byte) { decodeRoute(b) })
}

// TestRemains: a route is set unless it is there just so, and what has been changed or
// taken back since is not there any more.
func TestRemains(t *testing.T) {
	r := route{dst: host(hoa), table: 254, protocol: 75, kind: unix.RTN_UNICAST, oif: 9, encapDst: coa, encapSrc: ha}
	moved := r
	moved.encapDst = coa.Next()
	at := placeOf{r.dst, r.table, r.metric}
	for _, c := range []struct {
		name string
		do   func(remains)
		want int
	}{
		{"as it is", func(remains) {}, 0},
		{"twice", func(l remains) { l.set(r) }, 0},
		{"changed meanwhile", func(l remains) { l.set(moved) }, 1},
		{"taken back meanwhile", func(l remains) { l.del(r) }, 1},
		{"never there", func(l remains) { delete(l, at) }, 1},
	} {
		l := remains{at: r}
		c.do(l)
		if got := len(l.set(r)); got != c.want {
			t.Errorf("%s: %d requests, want %d", c.name, got, c.want)
		}
	}
	if got := len(remains(nil).set(r)); got != 1 {
		t.Errorf("after Settle: %d requests", got)
	}
}
