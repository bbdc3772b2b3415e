package loadgen

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"mip6d/internal/exthdr"
	"mip6d/internal/mh"
	"mip6d/internal/rr"
)

var testKey = []byte("0123456789abcdef0123")

func population(n int) *Population {
	return &Population{
		HomeAgent: netip.MustParseAddr("2001:db8:1::1"), First: netip.MustParseAddr("2001:db8:1::1:0"), Nodes: n,
		CareOf: netip.MustParsePrefix("2001:db8:f9::/48"), Lifetime: time.Hour,
	}
}

func authenticated(n int) *Population {
	p := population(n)
	p.Auth = &Auth{SPI: 256, Key: testKey, Replay: ReplayTimestamp, MNID: true}
	return p
}

// A Binding Update as RFC 6275 §6.1.7 and §6.3 draw it, written by hand but for
// the checksum.
func TestPacketWithoutAuthentication(t *testing.T) {
	p := population(10)
	got, err := p.Packet(Update{Node: 3, CareOf: p.CareOfAddress(3, 2), Sequence: 0x1234, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	want := "60000000" + "0028" + "3c" + "40" +
		"20010db800f90002" + "0000000200000004" + "20010db8000100000000000000000001" +
		"8702" + "01020000" + "c910" + "20010db8000100000000000000010003" +
		"3b010500" + "SUMS" + "1234" + "c000" + "0384" + "01020000"
	sum := hex.EncodeToString(got[ipv6Len+24+4:][:2])
	if want = strings.Replace(want, "SUMS", sum, 1); hex.EncodeToString(got) != want {
		t.Errorf("packet\n%x, want\n%s", got, want)
	}
	if !mh.ChecksumOK(got[ipv6Len+24:], p.HomeAddress(3), p.HomeAgent) {
		t.Error("the checksum is not that of RFC 6275 §6.1.1, with the home address")
	}
}

func TestPacketWithAuthentication(t *testing.T) {
	p := authenticated(10)
	p.Routers = 1
	at := time.Date(2026, 11, 28, 12, 0, 0, 500_000_000, time.UTC)
	for i, router := range map[int]bool{8: false, 9: true} {
		got, err := p.Packet(Update{Node: i, CareOf: p.CareOfAddress(i, 0), Sequence: 1, Lifetime: 0, At: at})
		if err != nil {
			t.Fatal(err)
		}
		raw := got[ipv6Len+24:]
		m, err := mh.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		bu := m.(*mh.BindingUpdate)
		if !bu.Ack || !bu.Home || bu.Router != router || bu.Lifetime != 0 || bu.Sequence != 1 {
			t.Errorf("%+v", bu)
		}
		id, _ := mh.Find[mh.MesgID](bu.Options)
		if seconds := int64(id.Timestamp>>32) - 2208988800; seconds != at.Unix() || uint32(id.Timestamp) != 1<<31 {
			t.Errorf("timestamp %x", id.Timestamp)
		}
		nai, _ := mh.Find[mh.MobileNodeIdentifier](bu.Options)
		if home, _ := hex.DecodeString(string(nai.Identifier)); !bytes.Equal(home, p.HomeAddress(i).AsSlice()) {
			t.Errorf("identifier %q", nai.Identifier)
		}
		opt, _ := mh.Find[mh.MobilityMessageAuthentication](bu.Options)
		covered := mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
		if !rr.Equal(opt.Authenticator, rr.MNHA(testKey, p.CareOfAddress(i, 0), p.HomeAddress(i), covered)) {
			t.Error("the authenticator is not that of RFC 4285 §5.1")
		}
	}
	p.Auth = &Auth{SPI: 256, Key: testKey, Replay: ReplaySequence}
	got, err := p.Packet(Update{CareOf: p.CareOfAddress(0, 0), Sequence: 1, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := mh.Parse(got[ipv6Len+24:]); err != nil || len(m.Base().Options) > 2 { // and padding
		t.Errorf("%+v (%v)", m, err)
	}
}

// acknowledge is a home agent's answer: IPv6, a type 2 routing header unless the
// care-of address is the home address, the message.
func acknowledge(t testing.TB, p *Population, careOf, home netip.Addr, ba mh.BindingAcknowledgement) []byte {
	t.Helper()
	if p.Auth != nil {
		ba.Options = mh.Options{mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: p.Auth.SPI, Authenticator: make([]byte, 12)}}
	}
	raw, err := mh.Marshal(&ba)
	if err != nil {
		t.Fatal(err)
	}
	if p.Auth != nil {
		mac := rr.MNHA(p.Auth.Key, careOf, home, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
		copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	}
	mh.SetChecksum(raw, p.HomeAgent, home)
	b := []byte{6 << 4, 0, 0, 0, 0, 0, protoMH, 64}
	b = append(append(b, p.HomeAgent.AsSlice()...), careOf.AsSlice()...)
	if careOf != home {
		b[6] = protoRouting
		b = exthdr.Routing{NextHeader: protoMH, SegmentsLeft: 1, HomeAddress: home}.Append(b)
	}
	b = append(b, raw...)
	b[5] = byte(len(b) - ipv6Len)
	return b
}

func TestAcknowledgement(t *testing.T) {
	p := authenticated(10)
	home, careOf := p.HomeAddress(4), p.CareOfAddress(4, 1)
	accepted := mh.BindingAcknowledgement{Sequence: 7, Lifetime: 40 * time.Second}
	good := acknowledge(t, p, careOf, home, accepted)
	want := acknowledgement{home: home, sequence: 7, authenticated: true}
	if got, err := p.acknowledgement(good); err != nil || got != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	if got, err := p.acknowledgement(append(bytes.Clone(good), 0, 0)); err != nil || got != want {
		t.Errorf("with a trailer of the link: %+v (%v)", got, err)
	}
	if got, err := p.acknowledgement(acknowledge(t, p, home, home, accepted)); err != nil || got != want {
		t.Errorf("to the home address: %+v (%v)", got, err)
	}
	other := *p
	other.Auth = &Auth{SPI: 256, Key: []byte("another key")}
	if got, err := p.acknowledgement(acknowledge(t, &other, careOf, home, accepted)); err != nil || got.authenticated {
		t.Errorf("with another key: %+v (%v)", got, err)
	}
	other.Auth = nil
	if got, err := p.acknowledgement(acknowledge(t, &other, careOf, home, accepted)); err != nil || got.authenticated {
		t.Errorf("without authenticator: %+v (%v)", got, err)
	}
	for name, b := range map[string][]byte{
		"nothing": {}, "IPv4": append([]byte{0x45}, good[1:]...), "cut": good[:len(good)-8],
		"checksum": append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1),
		"of another home agent": func() []byte {
			b := bytes.Clone(good)
			b[23]++
			return b
		}(),
	} {
		if got, err := p.acknowledgement(b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func FuzzAcknowledgement(f *testing.F) {
	p := authenticated(10)
	f.Add(acknowledge(f, p, p.CareOfAddress(4, 1), p.HomeAddress(4), mh.BindingAcknowledgement{Sequence: 7}))
	f.Add(acknowledge(f, p, p.HomeAddress(4), p.HomeAddress(4), mh.BindingAcknowledgement{Status: 135}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := p.acknowledgement(b)
		if err == nil && !a.home.Is6() {
			t.Errorf("%+v", a)
		}
	})
}

// The kernel's filter lets through what acknowledgement reads, and nothing else.
func TestFilter(t *testing.T) {
	vm, err := bpf.NewVM(acknowledgements)
	if err != nil {
		t.Fatal(err)
	}
	p := authenticated(10)
	home, careOf := p.HomeAddress(4), p.CareOfAddress(4, 1)
	update, err := p.Packet(Update{Node: 4, CareOf: careOf})
	if err != nil {
		t.Fatal(err)
	}
	direct := acknowledge(t, p, home, home, mh.BindingAcknowledgement{})
	routed := acknowledge(t, p, careOf, home, mh.BindingAcknowledgement{})
	other := func(b []byte, at int, v byte) []byte {
		b = bytes.Clone(b)
		b[at] = v
		return b
	}
	for name, c := range map[string]struct {
		packet []byte
		pass   bool
	}{
		"with a routing header":      {routed, true},
		"without":                    {direct, true},
		"type 0 routing header":      {other(routed, ipv6Len+2, 0), false},
		"routing header, then TCP":   {other(routed, ipv6Len, 6), false},
		"Binding Error":              {other(direct, ipv6Len+2, 7), false},
		"Binding Error, routed":      {other(routed, ipv6Len+24+2, 7), false},
		"TCP":                        {other(direct, 6, 6), false},
		"what we send":               {update, false},
		"cut within the IPv6 header": {routed[:20], false},
	} {
		if n, err := vm.Run(c.packet); err != nil || (n > 0) != c.pass {
			t.Errorf("%s: %d octets pass (%v)", name, n, err)
		}
	}
}
