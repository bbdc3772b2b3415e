package proxyarp

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
)

var (
	ours   = linkAddr{2, 0, 0, 0, 1, 1}
	theirs = linkAddr{2, 0, 0, 0, 0xaa, 7}
	hoa4   = netip.MustParseAddr("192.0.2.100")
	host4  = netip.MustParseAddr("192.0.2.7")
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// who is the request of a host for the home address, by hand from RFC 826.
const who = "ffffffffffff 02000000aa07 0806 0001 0800 06 04 0001 02000000aa07 c0000207 000000000000 c0000264"

func TestRFC826_Reply(t *testing.T) {
	r, ok := parse(unhex(t, who))
	if !ok || r != (request{theirs, host4, hoa4}) {
		t.Fatalf("%+v, %v", r, ok)
	}
	want := unhex(t, "02000000aa07 020000000101 0806 0001 0800 06 04 0002 020000000101 c0000264 02000000aa07 c0000207"+strings.Repeat("00", 18))
	if got := reply(ours, r); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestRFC5227_2_3_Announcement(t *testing.T) {
	want := unhex(t, "ffffffffffff 020000000101 0806 0001 0800 06 04 0001 020000000101 c0000264 000000000000 c0000264"+strings.Repeat("00", 18))
	got := announcement(ours, hoa4)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	if _, ok := parse(got); ok {
		t.Error("an announcement is answered as if it were a request")
	}
}

// A probe (RFC 5227 §2.1) is a request like others: it must be answered.
func TestRequestsAndOthers(t *testing.T) {
	spoil := func(at int, v byte) []byte {
		b := unhex(t, who)
		b[at] = v
		return b
	}
	probe := unhex(t, who)
	copy(probe[28:], make([]byte, 4))
	for name, c := range map[string]struct {
		frame []byte
		ok    bool
	}{
		"a probe":               {probe, true},
		"padded":                {append(unhex(t, who), make([]byte, 18)...), true},
		"short":                 {unhex(t, who)[:41], false},
		"IPv6":                  {spoil(13, 0xdd), false},
		"not Ethernet":          {spoil(15, 6), false},
		"not IPv4":              {spoil(17, 6), false},
		"longer link addresses": {spoil(18, 8), false},
		"longer addresses":      {spoil(19, 16), false},
		"a reply":               {spoil(21, 2), false},
		"from a group":          {spoil(22, 3), false},
	} {
		if _, ok := parse(c.frame); ok != c.ok {
			t.Errorf("%s: %v", name, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, who))
	f.Add(announcement(ours, hoa4))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parse(b)
		if !ok {
			return
		}
		if a := reply(ours, r); len(a) != minFrameSize || linkAddr(a[:6]) != r.senderLink || r.senderLink[0]&1 != 0 {
			t.Fatalf("%x is answered with %x", b, a)
		}
	})
}
