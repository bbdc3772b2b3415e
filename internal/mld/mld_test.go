package mld

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mip6d/internal/icmp6"
)

var (
	group  = netip.MustParseAddr("ff0e::42")
	source = netip.MustParseAddr("2001:db8:c::10")
	host   = netip.MustParseAddr("fe80::5")
	router = netip.MustParseAddr("fe80::1")
	addrs  = cmpopts.EquateComparable(netip.Addr{})
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// packet puts a message of version 1 or 2 into a packet as a listener sends it.
func packet(src netip.Addr, body []byte) []byte {
	dst := netip.MustParseAddr("ff02::16")
	icmp6.SetChecksum(body, src, dst)
	s, d := src.As16(), dst.As16()
	b := append([]byte{0x60, 0, 0, 0, 0, byte(8 + len(body)), 0, 1}, s[:]...)
	b = append(append(b, d[:]...), 58, 0, 5, 2, 0, 0, 1, 0)
	return append(b, body...)
}

const (
	v1Report = "83 00 0000 0000 0000 ff0e0000000000000000000000000042"
	v1Done   = "84 00 0000 0000 0000 ff0e0000000000000000000000000042"
	v2Report = `8f 00 0000 0000 0002
		04 00 0000 ff0e0000000000000000000000000042
		05 01 0001 ff3e0000000000000000000000000007 20010db8000c00000000000000000010 aabbccdd`
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		wire string
		want Report
	}{
		"version 1 report": {v1Report, Report{1, []Record{{ModeIsExclude, group, nil}}}},
		"version 1 done":   {v1Done, Report{1, []Record{{ChangeToIncludeMode, group, nil}}}},
		"version 2, two records, auxiliary data": {v2Report, Report{2, []Record{
			{ChangeToExcludeMode, group, nil},
			{AllowNewSources, netip.MustParseAddr("ff3e::7"), []netip.Addr{source}},
		}}},
		"octets behind it": {v1Report + "00", Report{1, []Record{{ModeIsExclude, group, nil}}}},
	} {
		t.Run(name, func(t *testing.T) {
			src, got, err := ParsePacket(packet(host, unhex(t, c.wire)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, addrs); diff != "" || src != host {
				t.Errorf("from %s: %s", src, diff)
			}
		})
	}
}

func TestParsePacketRefuses(t *testing.T) {
	good := packet(host, unhex(t, v2Report))
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"IPv4":                 change(0, 0x45),
		"hop limit 2":          change(7, 2),
		"no hop-by-hop header": change(6, 58),
		"no ICMPv6":            change(40, 17),
		"no router alert":      change(42, 6),
		"another alert":        change(45, 1),
		"options too long":     change(41, 40),
		"option cut off":       change(43, 200),
		"checksum":             change(51, good[51]+1),
		"cut off":              good[:len(good)-1],
		"a query":              packet(host, Query{}.Marshal()),
		"a short record":       packet(host, unhex(t, v2Report)[:20]),
		"too many sources":     packet(host, unhex(t, "8f 00 0000 0000 0001 04 00 ffff ff0e0000000000000000000000000042")),
		"a short version 1":    packet(host, unhex(t, v1Report)[:20]),
	} {
		if _, r, err := ParsePacket(b); err == nil {
			t.Errorf("%s: taken as %+v", name, r)
		}
	}
}

// The general query of version 2 as RFC 3810 §5.1 draws it.
func TestQueryPacket(t *testing.T) {
	got := Query{MaxResponse: 10 * time.Second, Robustness: 2, Interval: 125 * time.Second}.Packet(router)
	want := unhex(t, `6000 0000 0024 00 01 fe800000000000000000000000000001 ff020000000000000000000000000001
		3a 00 0502 0000 0100
		82 00 5a1f 2710 0000 00000000000000000000000000000000 02 7d 0000`)
	want[50], want[51] = got[50], got[51]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !icmp6.ChecksumOK(got[48:], router, allNodes) {
		t.Error("wrong checksum")
	}
	specific := Query{Group: group}.Packet(router)
	if addr(specific[24:]) != group || addr(specific[56:]) != group {
		t.Error("a query for a group goes elsewhere")
	}
}

func TestFloatingCodes(t *testing.T) {
	for d, want := range map[time.Duration]uint16{
		0: 0, -time.Second: 0, time.Second: 1000, 32767 * time.Millisecond: 0x7fff, 32768 * time.Millisecond: 0x8000,
		40 * time.Second: 0x8000 | (40000>>3)&0xfff, 8387584 * time.Millisecond: 0xffff, 24 * time.Hour: 0xffff,
	} {
		if got := responseCode(d); got != want {
			t.Errorf("response code of %v: %#x, want %#x", d, got, want)
		}
	}
	for d, want := range map[time.Duration]uint8{
		0: 0, 125 * time.Second: 125, 127 * time.Second: 127, 128 * time.Second: 0x80, 256 * time.Second: 0x90,
		31744 * time.Second: 0xff, 24 * time.Hour: 0xff,
	} {
		if got := intervalCode(d); got != want {
			t.Errorf("interval code of %v: %#x, want %#x", d, got, want)
		}
	}
}

func TestScopeOf(t *testing.T) {
	for a, want := range map[string]Scope{
		"ff0e::1": ScopeGlobal, "ff3e::1": ScopeGlobal, "ff02::1": ScopeLinkLocal, "ff05::1": ScopeSiteLocal, "fe80::1": 0, "2001:db8::1": 0,
	} {
		if got := ScopeOf(netip.MustParseAddr(a)); got != want {
			t.Errorf("scope of %s: %d, want %d", a, got, want)
		}
	}
}

func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{v1Report, v1Done, v2Report} {
		f.Add(packet(host, unhex(f, s)))
	}
	f.Add(Query{}.Packet(router))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, r, err := ParsePacket(b)
		if err != nil {
			return
		}
		if r.Version != 1 && r.Version != 2 {
			t.Errorf("version %d", r.Version)
		}
		octets := 0
		for _, x := range r.Records {
			octets += 20 + 16*len(x.Sources)
		}
		if octets > len(b) {
			t.Errorf("%d octets say %d octets", len(b), octets)
		}
	})
}
