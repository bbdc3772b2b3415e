package store

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

var (
	hoa  = netip.MustParseAddr("2001:db8:1::100")
	coa  = netip.MustParseAddr("2001:db8:f1::2")
	ha   = netip.MustParseAddr("2001:db8:1::1")
	peer = netip.MustParseAddr("2001:db8:c::2")

	// clock0 is 1000 s after a boot.
	clock0 = Clock{BootID: [16]byte{1, 2, 3}, Boot: 1000 * time.Second, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

	same = cmp.Options{
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) }),
	}
)

// router is a registration with everything.
func router() role.Registration {
	return role.Registration{
		HomeAddress: hoa, Bound: true, Sequence: 0x1235, Sequent: true, Stamp: 0xe1e2e3e4e5e6e7e9,
		Binding: role.Binding{
			HomeAddress: hoa, CareOf: coa, HomeAgent: ha, LinkLocal: netip.MustParseAddr("fe80::100"),
			Router: true, MobileRouter: true, KeyMgmt: true, Sequence: 0x1234, ReplayStamp: 0xe1e2e3e4e5e6e7e8,
			IPv4HomeAddress: netip.MustParseAddr("192.0.2.7"), Lifetime: 600 * time.Second, Expires: clock0.Now.Add(500 * time.Second), Created: time.Unix(1, 2), Moves: 3,
			MobilePrefixes: []netip.Prefix{netip.MustParsePrefix("fdca:fe00::/64"), netip.MustParsePrefix("fdca:fe01::/56")},
		},
	}
}

func entry() role.ListEntry {
	return role.ListEntry{
		HomeAddress: hoa, Peer: ha, Home: true, Sequence: 0x1234, CareOf: coa, Until: clock0.Now.Add(420 * time.Second),
		IPv4HomeAddress: netip.MustParseAddr("192.0.2.7"), Granted: 420 * time.Second, Stamp: 0xe1e2e3e4e5e6e7e8, Offset: -time.Second,
	}
}

func lease() role.Lease {
	return role.Lease{HomeAddress: netip.PrefixFrom(hoa, 64), Until: clock0.Now.Add(420 * time.Second)}
}

// TestRecordsAreByteExact: what is on disks stays readable.
func TestRecordsAreByteExact(t *testing.T) {
	ended := role.Registration{HomeAddress: hoa, Sequence: 7, Sequent: true, Stamp: 9}
	correspondent := role.ListEntry{HomeAddress: hoa, Peer: peer, Sequence: 2, CareOf: coa, Until: clock0.Now.Add(time.Second)}
	const (
		home = "20010db8000100000000000000000100"
		at   = "20010db800f100000000000000000002"
		by   = "20010db8000100000000000000000001"
	)
	for _, c := range []struct {
		name       string
		got        Item
		key, value string
	}{
		{"a mobile router", encodeRegistration(router(), clock0), home, "01 7f 1235 e1e2e3e4e5e6e7e9 " + at + by +
			"fe800000000000000000000000000100 c0000207 1234 e1e2e3e4e5e6e7e8 0000008bb2c97000" +
			"0000015d3ef79800 000000003b9aca02 0000000000000003 0002" +
			"40 fdcafe00000000000000000000000000 38 fdcafe01000000000000000000000000"},
		{"an end", encodeRegistration(ended, clock0), home, "01 02 0007 0000000000000009"},
		{"a list entry", encodeListEntry(entry(), clock0), home + by,
			"01 07 1234" + at + "c00002070000014a9e987800 00000061c9f36800 e1e2e3e4e5e6e7e8 ffffffffc4653600"},
		{"a correspondent's", encodeListEntry(correspondent, clock0), home + "20010db8000c00000000000000000002",
			"01 01 0002" + at + "000000e9103fda00 0000000000000000 0000000000000000 0000000000000000"},
		{"a lease", encodeLease(lease(), clock0), "20010db8000100000000000000000000" + "40", "01" + home + "0000014a9e987800"},
		{"the clocks", encodeClock(clock0), hex.EncodeToString([]byte("clock")),
			"01 01020300000000000000000000000000 000000e8d4a51000 1886caf21c963200"},
	} {
		value := c.got.Value[:len(c.got.Value)-checksumLen]
		want := strings.ReplaceAll(c.value, " ", "")
		if got := hex.EncodeToString(value); got != want || hex.EncodeToString(c.got.Key) != c.key {
			t.Errorf("%s: %x\n got %s\nwant %s", c.name, c.got.Key, got, want)
		}
		if sealed := seal(c.got.Key, value); !cmp.Equal(sealed, c.got) {
			t.Errorf("%s: checksum", c.name)
		}
	}
	// The checksum is that of RFC 3720: "123456789" has e3069283.
	if got := checksum([]byte("1234"), []byte("56789")); got != 0xe3069283 {
		t.Errorf("checksum %#x", got)
	}
}

func TestRecordsComeBack(t *testing.T) {
	for _, r := range []role.Registration{router(), {HomeAddress: hoa, Stamp: 9}, {HomeAddress: hoa, Sequent: true}} {
		got, err := decodeRegistration(encodeRegistration(r, clock0), clock0, clock0)
		if diff := cmp.Diff(r, got, same); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	for _, e := range []role.ListEntry{entry(), {HomeAddress: hoa, Peer: peer}, {HomeAddress: hoa, Peer: ha, Sequence: 1}} {
		got, err := decodeListEntry(encodeListEntry(e, clock0), clock0, clock0)
		if diff := cmp.Diff(e, got, same); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
}

func TestLeasesComeBack(t *testing.T) {
	for _, l := range []role.Lease{lease(), {HomeAddress: netip.PrefixFrom(hoa, 48)}} {
		got, err := decodeLease(encodeLease(l, clock0), clock0, clock0)
		if diff := cmp.Diff(l, got, same); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	it := encodeLease(lease(), clock0)
	payload := it.Value[:len(it.Value)-checksumLen]
	for name, bad := range map[string]Item{
		"another subnet's": seal(leaseKey(role.Lease{HomeAddress: netip.PrefixFrom(coa, 64)}), payload),
		"no length":        seal(append(it.Key[:16:16], 129), payload),
		"too short":        seal(it.Key, payload[:20]),
		"too long":         seal(it.Key, append(payload[:len(payload):len(payload)], 0)),
		"another key":      {keyOf(hoa), it.Value},
	} {
		if _, err := decodeLease(bad, clock0, clock0); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDamagedRecordsAreNoRecords: cut off anywhere, a bit flipped anywhere, under
// another key, of another version.
func TestDamagedRecordsAreNoRecords(t *testing.T) {
	it := encodeRegistration(router(), clock0)
	bad := func(what string, it Item) {
		t.Helper()
		if _, err := decodeRegistration(it, clock0, clock0); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range it.Value {
		bad("cut off", Item{it.Key, it.Value[:n]})
		for bit := range 8 {
			v := append([]byte(nil), it.Value...)
			v[n] ^= 1 << bit
			bad("flipped", Item{it.Key, v})
		}
	}
	bad("another key", Item{keyOf(coa), it.Value})
	bad("half a key", Item{it.Key[:8], it.Value})
	payload := it.Value[:len(it.Value)-checksumLen]
	bad("too long", seal(it.Key, append(append([]byte(nil), payload...), 0)))
	bad("another version", seal(it.Key, append([]byte{2}, payload[1:]...)))
	bad("unknown flags", seal(it.Key, append([]byte{1, 0x80}, payload[2:]...)))
}

// FuzzDecode: what is decoded is what would be encoded again. The checksum is made
// right, as it would keep everything out.
func FuzzDecode(f *testing.F) {
	for _, it := range []Item{encodeRegistration(router(), clock0), encodeListEntry(entry(), clock0), encodeLease(lease(), clock0), encodeClock(clock0)} {
		f.Add(it.Key, it.Value[:len(it.Value)-checksumLen])
	}
	f.Fuzz(func(t *testing.T, key, payload []byte) {
		it := seal(key, payload)
		if r, err := decodeRegistration(it, clock0, clock0); err == nil {
			if again, err := decodeRegistration(encodeRegistration(r, clock0), clock0, clock0); err != nil || !cmp.Equal(r, again, same) {
				t.Errorf("%+v\n%+v (%v)", r, again, err)
			}
			if r.Bound && r.Binding.Expires.Sub(clock0.Now) > r.Binding.Lifetime {
				t.Errorf("%v left of %v", r.Binding.Expires.Sub(clock0.Now), r.Binding.Lifetime)
			}
		} else if !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
		if e, err := decodeListEntry(it, clock0, clock0); err == nil {
			if again, err := decodeListEntry(encodeListEntry(e, clock0), clock0, clock0); err != nil || !cmp.Equal(e, again, same) {
				t.Errorf("%+v\n%+v (%v)", e, again, err)
			}
		}
		if l, err := decodeLease(it, clock0, clock0); err == nil {
			if again := encodeLease(l, clock0); !cmp.Equal(again, it) {
				t.Errorf("%+v\n%x\n%x", l, it, again)
			}
		}
		_, _ = decodeClock(it)
	})
}
