package capture

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// A Binding Update as a mobile node sends it: IPv6 from the care-of address,
// destination options with PadN and a Home Address option, Mobility Header
// type 5.
const bindingUpdate = `
60000000 0028 3c 40 20010db800f100000000000000000011 20010db8000100000000000000000001
87 02 0102 0000 c910 20010db8000100000000000000000100
3b 01 05 00 0000 0001 c000 0004 01020000`

// A tunnelled echo request with a type 2 routing header in the outer packet.
const tunnelled = `
60000000 0048 2b 40 20010db8000100000000000000000001 20010db800f100000000000000000011
29 02 02 01 00000000 20010db8000100000000000000000100
60000000 0008 3a 3f 20010db8000c00000000000000000002 20010db8000100000000000000000100
8000 0000 0001 0002`

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	hoa = netip.MustParseAddr("2001:db8:1::100")
	coa = netip.MustParseAddr("2001:db8:f1::11")
)

func TestParseBindingUpdate(t *testing.T) {
	p := ParseIPv6(unhex(t, bindingUpdate))
	if p == nil || p.Src != coa || p.HomeAddress != hoa || p.RoutingHome.IsValid() {
		t.Fatalf("parsed as %+v", p)
	}
	if mh, ok := p.MHType(); !ok || mh != MHBindingUpdate {
		t.Errorf("MH type %d, %v", mh, ok)
	}
	if Untunnelled(coa)(Packet{IP: p}) {
		t.Error("signalling was taken for traffic")
	}
}

func TestParseTunnelled(t *testing.T) {
	p := ParseIPv6(unhex(t, tunnelled))
	if p == nil || p.RoutingHome != hoa || p.Inner == nil || p.Inner.Dst != hoa {
		t.Fatalf("parsed as %+v", p)
	}
	if icmp, ok := p.Innermost().ICMPType(); !ok || icmp != ICMPEchoRequest {
		t.Errorf("ICMP type %d, %v", icmp, ok)
	}
	if Untunnelled(hoa)(Packet{IP: p}) {
		t.Error("a tunnelled packet was taken for an untunnelled one")
	}
	if !Untunnelled(hoa)(Packet{IP: p.Inner}) {
		t.Error("an untunnelled packet was missed")
	}
}

func TestParseNeverPanics(t *testing.T) {
	for _, whole := range []string{bindingUpdate, tunnelled} {
		b := unhex(t, whole)
		for n := range b {
			if p := ParseIPv6(b[:n]); (p == nil) != (n < 40) {
				t.Errorf("%d bytes of %d: parsed %v", n, len(b), p != nil)
			}
			for v := range 256 {
				c := bytes.Clone(b)
				c[n] = byte(v)
				ParseIPv6(c)
			}
		}
	}
}

func TestPcap(t *testing.T) {
	c := &Capture{packets: []Packet{{Time: time.Unix(1, 2), Frame: []byte{0x60, 1, 2}}}}
	var b bytes.Buffer
	if err := c.WritePcap(&b); err != nil {
		t.Fatal(err)
	}
	want := "4d3cb2a1" + "02000400" + "0000000000000000" + "00000400" + "65000000" +
		"01000000" + "02000000" + "03000000" + "03000000" + "600102"
	if got := hex.EncodeToString(b.Bytes()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
