package mh

import (
	"bytes"
	"testing"
)

// Requirements: 4285-5.1-2, 4285-5.2-3
func TestRFC4285_5_1_CoveredUpToTheSPIWithZeroChecksum(t *testing.T) {
	m := &BindingUpdate{Header: Header{Checksum: 0xabcd, Options: Options{identifier, mnha, mnaaa}}}
	b, err := Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		subtype uint8
		spi     []byte
		mac     []byte
	}{
		{SubtypeMNHA, []byte{0, 0, 1, 0}, authenticator},
		{SubtypeMNAAA, []byte{0, 0, 0, 3}, make([]byte, 20)},
	} {
		covered := Covered(b, OptionMobilityMessageAuthentication, c.subtype)
		at := AuthenticatorOffset(b, OptionMobilityMessageAuthentication, c.subtype)
		if len(covered) != at || !bytes.HasSuffix(covered, append([]byte{c.subtype}, c.spi...)) {
			t.Errorf("subtype %d: covers %x", c.subtype, covered)
		}
		if !bytes.HasPrefix(b[at:], c.mac) {
			t.Errorf("subtype %d: %x at %d is not the authenticator", c.subtype, b[at:], at)
		}
		if want := append([]byte{59, b[1], 5, 0, 0, 0}, b[6:at]...); !bytes.Equal(covered, want) {
			t.Errorf("subtype %d: covers\n%x, want\n%x", c.subtype, covered, want)
		}
	}
	if b[4] != 0xab || b[5] != 0xcd {
		t.Error("the message's own checksum was changed")
	}
}

// Requirements: 6275-6.2.7-1
func TestRFC6275_6_2_7_CoveredIsAllButTheAuthenticator(t *testing.T) {
	b, err := Marshal(&BindingUpdate{Header: Header{Checksum: 0xabcd, Options: Options{NonceIndices{1, 2}, bad}}})
	if err != nil {
		t.Fatal(err)
	}
	covered := Covered(b, OptionBindingAuthorizationData, 0)
	if len(covered) != len(b)-12 || !bytes.HasSuffix(covered, []byte{5, 12}) || covered[4] != 0 || covered[5] != 0 {
		t.Errorf("covers %x of %x", covered, b)
	}
}

func TestNoAuthenticator(t *testing.T) {
	auth := unhex(t, "0905 01 00000100 00")
	for name, b := range map[string][]byte{
		"none":              unhex(t, "3b 01 05 00 0000 0002 8000 0069 00000000"),
		"another subtype":   unhex(t, "3b 02 05 00 0000 0002 8000 0069 0905 02 00000100 00 01020000"),
		"behind the header": append(unhex(t, "3b 01 05 00 0000 0002 8000 0069 00000000"), auth...),
		"within padding":    append(unhex(t, "3b 02 05 00 0000 0002 8000 0069 010a 0000"), auth...),
		"cut off":           append(unhex(t, "3b 02 05 00 0000 0002 8000 0069 0110 0000"), auth...),
		"too short":         unhex(t, "3b 01 05 00 0000 0002 8000 0069 0902 0100"),
		"unknown type":      append(unhex(t, "3b 01 63 00 0000 0000"), auth...),
		"nothing":           nil,
		"truncated":         unhex(t, "3b 05 05 00 0000 0002 8000 0069 0905 01 00000100 00"),
	} {
		if at := AuthenticatorOffset(b, OptionMobilityMessageAuthentication, SubtypeMNHA); at != -1 {
			t.Errorf("%s: found at %d", name, at)
		}
		if c := Covered(b, OptionMobilityMessageAuthentication, SubtypeMNHA); c != nil {
			t.Errorf("%s: covers %x", name, c)
		}
	}
}
