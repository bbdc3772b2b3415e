package xfrmmig

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

var (
	cn     = netip.MustParseAddr("2001:db8:c::2")
	coa2   = netip.MustParseAddr("2001:db8:f2::200")
	any6   = netip.IPv6Unspecified()
	toCN   = role.Pair{Local: hoa, Peer: cn}
	ours   = role.Direct{Pair: toCN, Side: role.Ours, CareOf: coa, Lifetime: 400 * time.Second}
	theirs = role.Direct{Pair: toCN, Side: role.Theirs, CareOf: coa2, Lifetime: 100 * time.Second}
)

// The bytes follow struct xfrm_userpolicy_info and struct xfrm_user_tmpl of
// linux/xfrm.h; the pieces are those of TestEncodersWriteWhatIproute2Writes.
func TestPoliciesOfADirectPathInBytes(t *testing.T) {
	const (
		hoaHex = "20010db8000100000000000000000100"
		cnHex  = "20010db8000c00000000000000000002"
	)
	p := pairState{ours: &ours, theirs: &theirs}.policies(toCN)
	limits := ones(32) + zeros(8) + "6500000000000000" + zeros(16) + zeros(32) // 101 s after it was made
	template := func(dst, proto, src, optional string) string {
		return dst + zeros(4) + proto + "000000" + "0a000000" + src + "83180000" + "0200" + optional + "00" + ones(12)
	}
	for _, c := range []struct{ what, got, want string }{
		{
			"out", hex.EncodeToString(p[1].encode()),
			cnHex + hoaHex + zeros(8) + "0a00" + "8080" + zeros(12) + limits + "4c000000" + zeros(4) + "01" + zeros(7) +
				"0a00100001000000" + zeros(4) + "84000500" + template(cnHex, "3c", hoaHex, "00") + template(cnHex, "2b", hoaHex, "00"),
		},
		{
			"in", hex.EncodeToString(p[0].encode()),
			hoaHex + cnHex + zeros(8) + "0a00" + "8080" + zeros(12) + limits + "4c000000" + zeros(4) + "00" + zeros(7) +
				"0a00100001000000" + zeros(4) + "84000500" + template(hoaHex, "3c", cnHex, "01") + template(zeros(16), "2b", zeros(16), "01"),
		},
	} {
		if c.got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.what, c.got, c.want)
		}
	}
}

// Setting one side anew is no longer life for the other.
func TestADirectPathLivesAsLongAsTheShorterSide(t *testing.T) {
	start := time.Now()
	var w wanted
	w.side = [2]*role.Direct{&ours, &theirs}
	w.until = [2]time.Time{start.Add(ours.Lifetime), start.Add(theirs.Lifetime)}
	for at, want := range map[time.Duration]time.Duration{
		0: theirs.Lifetime + grace, 40 * time.Second: theirs.Lifetime - 40*time.Second + grace, 200 * time.Second: grace,
	} {
		if got := w.left(start.Add(at)).lifetime(); got != want {
			t.Errorf("after %v: %v, want %v", at, got, want)
		}
	}
	w.side[role.Theirs] = nil
	if got := w.left(start.Add(40 * time.Second)).lifetime(); got != ours.Lifetime-40*time.Second+grace {
		t.Errorf("alone: %v", got)
	}
}

func TestStatesOfADirectPath(t *testing.T) {
	for _, c := range []struct {
		d    role.Direct
		want []State
	}{
		{ours, []State{
			{Proto: ProtoHomeAddress, Src: hoa, Dst: cn, CareOf: coa, Reqid: Reqid},
			{Proto: ProtoRouting, Src: cn, Dst: hoa, CareOf: any6, Reqid: Reqid},
		}},
		{theirs, []State{
			{Proto: ProtoRouting, Src: hoa, Dst: cn, CareOf: coa2, Reqid: Reqid},
			{Proto: ProtoHomeAddress, Src: cn, Dst: hoa, CareOf: coa2, Reqid: Reqid},
		}},
	} {
		if diff := cmp.Diff(c.want, states(c.d), same); diff != "" {
			t.Errorf("%v:\n%s", c.d.Side, diff)
		}
	}
}

// report is an XFRM_MSG_REPORT about a packet of the home address to the
// correspondent.
func report() []byte {
	b := make([]byte, 60)
	b[0] = unix.IPPROTO_DSTOPTS
	Selector{Dst: netip.PrefixFrom(cn, 128), Src: netip.PrefixFrom(hoa, 128), Proto: 17}.put(b[4:])
	return attr(b, attrCareOf, addrBytes(coa))
}

func TestReportOfAnUnknownHomeAddress(t *testing.T) {
	want := role.UnknownHomeAddress{Local: cn, HomeAddress: hoa, CareOf: coa}
	if got, ok := decodeReport(report()); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "cut": report()[:59], "no care-of address": report()[:60],
		"IPv4":           func() []byte { b := report(); b[44] = unix.AF_INET; return b }(),
		"routing header": func() []byte { b := report(); b[0] = unix.IPPROTO_ROUTING; return b }(),
	} {
		if got, ok := decodeReport(b); ok {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzDecodeReport(f *testing.F) {
	f.Add(report())
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := decodeReport(b); ok && (!e.Local.Is6() || !e.HomeAddress.Is6() || !e.CareOf.Is6()) {
			t.Errorf("%+v", e)
		}
	})
}

func TestReportsOfAFloodAreBounded(t *testing.T) {
	r := Reports{told: make(map[role.UnknownHomeAddress]time.Time)}
	now, n := time.Now(), 0
	e := role.UnknownHomeAddress{Local: cn, HomeAddress: hoa, CareOf: coa}
	for i := range 5000 {
		if r.due(e, now) {
			n++
		}
		if i > 0 {
			e.CareOf = e.CareOf.Next()
		}
	}
	if n != maxReported || len(r.told) != maxReported {
		t.Errorf("%d told, %d remembered", n, len(r.told))
	}
	e.CareOf = coa
	if r.due(e, now.Add(reportInterval/2)) || !r.due(e, now.Add(reportInterval)) {
		t.Error("not once a second")
	}
}
