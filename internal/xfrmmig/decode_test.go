package xfrmmig

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var (
	hoa = netip.MustParseAddr("2001:db8:1::100")
	coa = netip.MustParseAddr("2001:db8:f1::100")
	ha  = netip.MustParseAddr("2001:db8:1::1")
)

var same = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func TestStatesAndPoliciesComeBackFromTheirBytes(t *testing.T) {
	any6 := netip.IPv6Unspecified()
	for _, want := range []State{
		{Proto: ProtoRouting, Src: ha, Dst: hoa, CareOf: coa, Reqid: 7},
		{Proto: ProtoHomeAddress, Src: any6, Dst: any6, CareOf: any6, Reqid: Reqid, Wildcard: true},
		{Proto: ProtoRouting, Src: ha, Dst: hoa, CareOf: coa, Reqid: 7, IfID: 5},
	} {
		got, ok := decodeState(want.encode())
		if diff := cmp.Diff(want, got, same); !ok || diff != "" {
			t.Errorf("%t\n%s", ok, diff)
		}
	}
	tmpl := []Template{{Proto: ProtoRouting, Src: ha, Dst: hoa, Reqid: Reqid, Optional: true}}
	for _, want := range []Policy{
		{Selector: Selector{Proto: unix.IPPROTO_MH, HasType: true, MHType: 5}, Priority: 9, Templates: tmpl},
		{Selector: Selector{Dst: netip.PrefixFrom(hoa, 128), Src: netip.PrefixFrom(ha, 64).Masked()}, Dir: Out, Templates: tmpl},
		{Selector: Selector{Dst: netip.PrefixFrom(hoa, 128)}, Dir: Out, Templates: tmpl, IfID: 5},
	} {
		got, ok := decodePolicy(want.encode())
		if diff := cmp.Diff(want, got, same); !ok || diff != "" {
			t.Errorf("%t\n%s", ok, diff)
		}
	}
}

// TestOthersStatesAndPoliciesAreNone: IPsec's are left alone.
func TestOthersStatesAndPoliciesAreNone(t *testing.T) {
	esp := State{Proto: unix.IPPROTO_ESP, Src: ha, Dst: hoa, Reqid: Reqid}.encode()
	if _, ok := decodeState(esp); ok {
		t.Error("an ESP state was taken for Mobile IPv6's")
	}
	tunnel := State{Proto: ProtoRouting, Src: ha, Dst: hoa, Reqid: Reqid}.encode()
	tunnel[214] = 1
	if _, ok := decodeState(tunnel); ok {
		t.Error("a state in tunnel mode was taken for Mobile IPv6's")
	}
	p := Policy{Templates: []Template{{Proto: ProtoRouting, Reqid: Reqid}}}
	main := p.encode()
	main[168+unix.SizeofRtAttr] = 0
	if p, ok := decodePolicy(main); !ok || !p.Main || p.isOurs() {
		t.Error("a main policy was taken for a sub-policy")
	}
	for _, end := range []End{AtHomeAgent, AtMobileNode} {
		ours := protection(hoa, 300).policies(1, ForSignalling, end, netip.Addr{})
		p := ours[len(ours)-1]
		if again, ok := decodePolicy(p.encode()); !ok || !again.isOurs() {
			t.Errorf("%+v is not ours", again)
		}
		p.Priority++
		if again, _ := decodePolicy(p.encode()); again.isOurs() {
			t.Errorf("%+v was taken for ours", again)
		}
	}
	if p, _ := decodePolicy(Policy{}.encode()); p.isOurs() {
		t.Error("a policy without a template was taken for ours")
	}
	for _, p := range exemptions() {
		again, ok := decodePolicy(p.encode())
		if !ok || !again.isOurs() {
			t.Errorf("%+v is not ours", again)
		}
		again.Priority++
		if again.isOurs() {
			t.Errorf("%+v was taken for ours", again)
		}
		block := p.encode()
		block[161] = 1
		if _, ok := decodePolicy(block); ok {
			t.Error("a policy that blocks was taken for one that exempts")
		}
		device := p
		device.IfID = 7
		if again, _ := decodePolicy(device.encode()); again.isOurs() {
			t.Error("another device's policy was taken for ours")
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(State{Proto: ProtoRouting, Src: ha, Dst: hoa, CareOf: coa}.encode())
	f.Add(Policy{Templates: []Template{{Proto: ProtoRouting, Reqid: Reqid}}}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := decodeState(b); ok {
			if again, ok := decodeState(s.encode()); !ok || again != s {
				t.Errorf("%+v became %+v", s, again)
			}
		}
		decodePolicy(b)
	})
}
