package mh

import "testing"

// TestRFC6275_6_1_1_Checksum has its figure from adding up by hand: the
// addresses 2001:db8:1::100 and 2001:db8:1::1, length 8, protocol 135, and the
// words 3b00 and 0.
//
// Requirements: 6275-6.1.1-5, 6275-6.1.1-7
func TestRFC6275_6_1_1_Checksum(t *testing.T) {
	b := unhex(t, "3b 00 00 00 ffff 0000")
	sum := 2*(0x2001+0x0db8+1) + 0x100 + 1 + 8 + 135 + 0x3b00
	want := ^uint16(sum)
	if got := Checksum(b, hoa, ha); got != want {
		t.Errorf("checksum %04x, want %04x", got, want)
	}
	SetChecksum(b, hoa, ha)
	if be.Uint16(b[4:]) != want {
		t.Errorf("set to %x, want %04x", b[4:6], want)
	}
	for v := range 0x10000 {
		be.PutUint16(b[4:], uint16(v))
		if ok := ChecksumOK(b, hoa, ha); ok != (uint16(v) == want) {
			t.Fatalf("checksum %04x: %v, the right one is %04x", v, ok, want)
		}
	}
}

// The home address counts, not the care-of address (vectors ck-over-coa).
//
// Requirements: 6275-6.1.1-7
func TestRFC6275_6_1_1_ChecksumCoversTheAddresses(t *testing.T) {
	b := unhex(t, "3b 01 05 00 0000 8001 c000 0064 01020000")
	SetChecksum(b, hoa, ha)
	if !ChecksumOK(b, hoa, ha) {
		t.Error("our own checksum does not verify")
	}
	if ChecksumOK(b, coa, ha) || ChecksumOK(b, hoa, coa) {
		t.Error("verifies with the care-of address, too")
	}
	for i := range b {
		b[i] ^= 1
		if ChecksumOK(b, hoa, ha) {
			t.Errorf("verifies after a change of octet %d", i)
		}
		b[i] ^= 1
	}
}

// In one's complement zero has two forms; a sender may write either.
func TestChecksumZeroHasTwoForms(t *testing.T) {
	b := unhex(t, "3b 00 00 00 0000 0000")
	be.PutUint16(b[6:], Checksum(b, hoa, ha))
	for v, want := range map[uint16]bool{0: true, 0xffff: true, 1: false, 0x8000: false} {
		be.PutUint16(b[4:], v)
		if got := ChecksumOK(b, hoa, ha); got != want {
			t.Errorf("checksum %04x: %v, want %v", v, got, want)
		}
	}
}

// §6.1.1: the length in the pseudo-header is the Mobility Header's own.
//
// Requirements: 6275-6.1.1-5
func TestRFC6275_6_1_1_ChecksumIsOfTheHeaderOnly(t *testing.T) {
	b := unhex(t, "3b 00 00 00 0000 0000")
	SetChecksum(b, hoa, ha)
	if !ChecksumOK(append(b, 1, 2, 3), hoa, ha) {
		t.Error("octets behind the header count")
	}
	for n := range headerLen {
		if ChecksumOK(b[:n], hoa, ha) {
			t.Errorf("%d octets verify", n)
		}
	}
}
