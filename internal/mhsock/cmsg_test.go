package mhsock

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/internal/exthdr"
	"mip6d/internal/icmp6"
)

var (
	hoa = netip.MustParseAddr("2001:db8:1::101")
	coa = netip.MustParseAddr("2001:db8:2::11")
	ha  = netip.MustParseAddr("2001:db8:1::1")
)

func cmpAddr() cmp.Option { return cmp.Comparer(func(a, b netip.Addr) bool { return a == b }) }

// Requirements: 6275-6.3-1, 6275-6.3-5, 6275-6.4.1-1, 6275-6.4.1-2
func TestEncodeIsWhatTheKernelReads(t *testing.T) {
	b := ancillary{ifindex: 7, local: ha, home: hoa, routing: coa}.encode()
	// unix's own parser stands in for the kernel.
	msgs, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[int32]string)
	for _, m := range msgs {
		if m.Header.Level != unix.IPPROTO_IPV6 {
			t.Errorf("level %d", m.Header.Level)
		}
		got[m.Header.Type] = hex.EncodeToString(m.Data)
	}
	want := map[int32]string{
		unix.IPV6_PKTINFO: "20010db8000100000000000000000001" + "07000000",
		// RFC 6275 §6.4.1
		unix.IPV6_RTHDR: "00020201" + "00000000" + "20010db8000200000000000000000011",
		// RFC 6275 §6.3: PadN, then the option at 8n+6
		unix.IPV6_DSTOPTS: "0002" + "01020000" + "c910" + "20010db8000100000000000000000101",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("control messages (-want +got):\n%s", diff)
	}
	if b := (ancillary{}).encode(); len(b) != 0 {
		t.Errorf("nothing to say took %d bytes", len(b))
	}
}

// Requirements: 6275-6.3-5, 6275-11.3.3-5
func TestDecode(t *testing.T) {
	pktinfo := unix.PktInfo6(&unix.Inet6Pktinfo{Addr: ha.As16(), Ifindex: 7})
	hop := appendCmsg(nil, unix.IPV6_HOPLIMIT, []byte{255, 0, 0, 0})
	hao := appendCmsg(nil, unix.IPV6_DSTOPTS, exthdr.HomeAddressHeader(58, coa))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	dstopts := func(s string) []byte {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return appendCmsg(nil, unix.IPV6_DSTOPTS, b)
	}
	tests := []struct {
		name string
		in   []byte
		want ancillary
		err  string
	}{
		{"packet info", pktinfo, ancillary{ifindex: 7, local: ha, hopLimit: -1}, ""},
		{"hop limit", join(pktinfo, hop), ancillary{ifindex: 7, local: ha, hopLimit: 255}, ""},
		{"home address", join(hop, hao, pktinfo), ancillary{ifindex: 7, local: ha, hopLimit: 255, home: coa}, ""},
		{
			"routing header", join(pktinfo, appendCmsg(nil, unix.IPV6_RTHDR, routingHeader(58, coa))),
			ancillary{ifindex: 7, local: ha, hopLimit: -1, routing: coa}, "",
		},
		{
			"routing header of another type", appendCmsg(nil, unix.IPV6_RTHDR, append([]byte{58, 2, 4, 0}, make([]byte, 20)...)),
			ancillary{hopLimit: -1}, "",
		},
		{"other level", unix.UnixRights(1), ancillary{hopLimit: -1}, ""},
		{"options without a home address", dstopts("3a00 0104 00000000"), ancillary{hopLimit: -1}, ""},
		{
			"home address behind Pad1 and an unknown option", dstopts("3a03 00 3e0100 00 01050000000000 c910" + "20010db8000200000000000000000011"),
			ancillary{hopLimit: -1, home: coa}, "",
		},
		{
			"routing header with two segments left", appendCmsg(nil, unix.IPV6_RTHDR, append([]byte{58, 2, 2, 2}, make([]byte, 20)...)),
			ancillary{}, "segments left",
		},
		{"nothing", nil, ancillary{hopLimit: -1}, ""},
		{"two home addresses", join(hao, hao), ancillary{}, "each of two headers"},
		{"home address of 8 bytes", dstopts("3a01 c908 0000000000000000 01020000"), ancillary{}, "length 8"},
		{"option beyond the header", dstopts("3a00 c910 00000000"), ancillary{}, "cut off"},
		{"header cut short", dstopts("3a02 c910 00000000"), ancillary{}, "cut off"},
		{"packet info cut short", appendCmsg(nil, unix.IPV6_PKTINFO, make([]byte, 8)), ancillary{}, "packet info"},
		{"message longer than the rest", append([]byte{255}, pktinfo[1:]...), ancillary{}, "control message of 255 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := decode(tt.in)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want one with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpAddr(), cmp.AllowUnexported(ancillary{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(ancillary{ifindex: 7, local: ha, home: hoa, routing: coa}.encode())
	f.Add(appendCmsg(nil, unix.IPV6_DSTOPTS, []byte{58, 0, 1, 4, 0, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decode(b)
		if err != nil {
			return
		}
		// What was understood can be said again.
		again, err := decode(a.encode())
		if err != nil {
			t.Fatal(err)
		}
		again.hopLimit = a.hopLimit
		if !a.local.IsValid() && again.local.IsValid() {
			a.local = again.local // an interface index alone brings ::
		}
		if diff := cmp.Diff(a, again, cmpAddr(), cmp.AllowUnexported(ancillary{})); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
}

// The kernel reports the addresses as they are after its exchange.
func TestOnWire(t *testing.T) {
	tests := []struct {
		name string
		a    ancillary
		want packet
	}{
		{"plain", ancillary{local: ha}, packet{src: hoa, dst: ha}},
		{"home address option", ancillary{local: ha, home: coa}, packet{src: coa, dst: ha, home: hoa}},
		{"routing header", ancillary{local: ha, routing: coa}, packet{src: hoa, dst: coa, routing: ha}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := packet{src: hoa}
			p.onWire(tt.a)
			if diff := cmp.Diff(tt.want, p, cmpAddr(), cmp.AllowUnexported(packet{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Requirements: 6275-6.3-6
func TestICMPPacketWithBothHeaders(t *testing.T) {
	cn := netip.MustParseAddr("2001:db8:3::1")
	cnHome := netip.MustParseAddr("2001:db8:3::2")
	msg := []byte{146, 0, 0xff, 0xff, 0, 1, 0, 0}
	got := icmpPacket(outgoing{src: coa, dst: cn, home: hoa, routing: cnHome, body: msg})
	body := []byte{146, 0, 0, 0, 0, 1, 0, 0}
	// RFC 6275 §11.3.1: the checksum sees the home addresses.
	sum := icmp6.Checksum(body, hoa, cnHome)
	body[2], body[3] = byte(sum>>8), byte(sum)
	want := "60000000" + "0038" + "2b" + "40" +
		"20010db8000200000000000000000011" + "20010db8000300000000000000000001" +
		"3c020201" + "00000000" + "20010db8000300000000000000000002" +
		"3a02" + "01020000" + "c910" + "20010db8000100000000000000000101" +
		hex.EncodeToString(body)
	if diff := cmp.Diff(want, hex.EncodeToString(got)); diff != "" {
		t.Errorf("packet (-want +got):\n%s", diff)
	}
}

// Requirements: 6275-11.5.3-4
func TestSolicitation(t *testing.T) {
	// By hand: ff02 + 0002 + 0008 + 003a + 8500 = 8447, complement 7bb8.
	want := "600000000008" + "3aff" + strings.Repeat("00", 16) + "ff020000000000000000000000000002" + "85007bb800000000"
	if diff := cmp.Diff(want, hex.EncodeToString(solicitation())); diff != "" {
		t.Errorf("solicitation (-want +got):\n%s", diff)
	}
}

func TestNeighborSolicitationFromNobody(t *testing.T) {
	target := netip.MustParseAddr("2001:db8:1::100")
	group := icmp6.SolicitedNode(target)
	body, err := icmp6.Marshal(&icmp6.NeighborSolicitation{Target: target})
	if err != nil {
		t.Fatal(err)
	}
	// ff02 + 0001 + ff00 + 0100 + 0018 + 003a + 8700 + 2001 + 0db8 + 0001 + 0100 = 2b50f, folded b511, complement 4aee.
	want := "600000000018" + "3aff" + strings.Repeat("00", 16) + "ff0200000000000000000001ff000100" + "87004aee00000000" + "20010db8000100000000000000000100"
	if diff := cmp.Diff(want, hex.EncodeToString(fromUnspecified(group, body))); diff != "" {
		t.Errorf("solicitation (-want +got):\n%s", diff)
	}
}

func TestOutgoingCheck(t *testing.T) {
	v4 := netip.MustParseAddr("192.0.2.1")
	for name, o := range map[string]outgoing{
		"no destination":  {src: ha},
		"unspecified":     {dst: netip.IPv6Unspecified()},
		"IPv4":            {dst: v4},
		"IPv4 source":     {dst: hoa, src: v4},
		"mapped IPv4":     {dst: netip.MustParseAddr("::ffff:192.0.2.1")},
		"IPv4 home":       {dst: ha, src: coa, home: v4},
		"IPv4 in routing": {dst: coa, routing: v4},
	} {
		if o.check() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := (outgoing{dst: hoa}).check(); err != nil {
		t.Error(err)
	}
}
