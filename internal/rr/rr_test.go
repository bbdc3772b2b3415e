package rr

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	hoa = netip.MustParseAddr("2001:db8:1::100")
	coa = netip.MustParseAddr("2001:db8:f1::100")
	cn  = netip.MustParseAddr("2001:db8:c::1")
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// count returns n octets that count up from a first.
func count(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// random has Kcn 00…13, nonce f0…f7 and the first index 0x0102.
var random = Random(append(append(count(0, 20), count(0xf0, 8)...), 1, 2))

func nonce(t testing.TB) Nonce {
	t.Helper()
	var n Nonces
	n.Renew(random)
	got, ok := n.Current(time.Unix(1000, 0))
	if !ok || got.Index != 0x0102 {
		t.Fatalf("nonce %v, %v", got, ok)
	}
	return got
}

// The figures of these tests were computed with Python's hmac and hashlib from
// the formulas of RFC 6275 §5.2.5, §6.2.7 and RFC 4285 §5.1.

// Requirements: 6275-5.2.1-1
func TestRFC6275_5_2_5_KeygenTokensAndKbm(t *testing.T) {
	n := nonce(t)
	home, careOf := n.HomeToken(hoa), n.CareOfToken(coa)
	kbm, del := Kbm(home, careOf), KbmDelete(home)
	for _, c := range []struct{ name, got, want string }{
		{"home keygen token", hex.EncodeToString(home[:]), "7a4c307c48443803"},
		{"care-of keygen token", hex.EncodeToString(careOf[:]), "5b9989d706c79409"},
		{"Kbm", hex.EncodeToString(kbm[:]), "cc7a2503f525b3379a42d09cfdf82f060acdb02d"},
		{"Kbm for a deletion", hex.EncodeToString(del[:]), "991b57276fdf5841116eec214c37c88231c77619"},
	} {
		if c.got != c.want {
			t.Errorf("%s %s, want %s", c.name, c.got, c.want)
		}
	}
	if n.HomeToken(coa) == careOf {
		t.Error("home and care-of tokens of one address are the same")
	}
}

// Requirements: 6275-6.2.7-1
func TestRFC6275_6_2_7_Authenticator(t *testing.T) {
	kbm := unhex(t, "cc7a2503f525b3379a42d09cfdf82f060acdb02d")
	// A Binding Update with Nonce Indices, up to the Authenticator field.
	got := Authenticator(kbm, coa, cn, unhex(t, "3b0305000000000280000069040400030004050c"))
	if want := unhex(t, "51617d21f4d1d58f48d7d641"); !bytes.Equal(got[:], want) {
		t.Errorf("authenticator %x, want %x", got, want)
	}
}

// Requirements: 4285-5.1-2
func TestRFC4285_5_1_MNHAAuthenticationData(t *testing.T) {
	// A Binding Update up to and including the mobility SPI.
	got := MNHA(count(0x10, 16), coa, hoa, unhex(t, "3b03050000000001c0000001000911"+"0100000100"))
	if want := unhex(t, "21f2f74da8cb7e2fa51802cf"); !bytes.Equal(got[:], want) {
		t.Errorf("authenticator %x, want %x", got, want)
	}
}

func TestEqual(t *testing.T) {
	mac := [AuthenticatorLen]byte(count(1, 12))
	if !Equal(mac[:], mac) {
		t.Error("an authenticator does not equal itself")
	}
	for i := range mac {
		other := mac
		other[i] ^= 0x80
		if Equal(other[:], mac) {
			t.Errorf("octet %d does not matter", i)
		}
	}
	for _, n := range []int{0, 4, 11} {
		if Equal(mac[:n], mac) {
			t.Errorf("the first %d octets are enough", n)
		}
	}
	if Equal(append(mac[:], 0), mac) {
		t.Error("an octet more is accepted")
	}
}

func TestHMACIsThatOfTheStandardLibrary(t *testing.T) {
	src := rand.New(rand.NewPCG(1, 2))
	random := func(most int) []byte {
		b := make([]byte, src.IntN(most+1))
		for i := range b {
			b[i] = byte(src.Uint32())
		}
		return b
	}
	for range 1000 {
		key, a, b, c := random(256), random(40), random(40), random(1000)
		h := hmac.New(sha1.New, key)
		h.Write(slices.Concat(a, b, c))
		if got := hmacSHA1(key, a, b, c); !bytes.Equal(got[:], h.Sum(nil)) {
			t.Fatalf("key %x message %x %x %x: %x", key, a, b, c, got)
		}
	}
}

func TestTokensAllocateNothing(t *testing.T) {
	n := nonce(t)
	var sum Token
	key, data := make([]byte, 20), make([]byte, 80)
	if got := testing.AllocsPerRun(100, func() { sum[0] ^= MNHA(key, hoa, coa, data)[0] }); got != 0 {
		t.Errorf("%v allocations for an authenticator", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		home, careOf := n.HomeToken(hoa), n.CareOfToken(coa)
		kbm := Kbm(home, careOf)
		sum[0] ^= home[0] ^ careOf[0] ^ kbm[0]
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// Requirements: 6275-5.2.1-2
func TestRFC6275_5_2_1_KcnIsNotPrinted(t *testing.T) {
	n := nonce(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if s := fmt.Sprintf(format, n); s != "nonce 258" {
			t.Errorf("%s prints %s", format, s)
		}
	}
}
