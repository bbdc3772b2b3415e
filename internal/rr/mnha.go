package rr

import (
	"crypto/subtle"
	"net/netip"
)

// AuthenticatorLen is the length of every authenticator here: the first 96 bits.
const AuthenticatorLen = 12

// MNHA computes the Authentication Data of the MN-HA mobility message
// authentication option, RFC 4285 §5.1:
//
//	First (96, HMAC_SHA1 (key, care-of address | home address | MH Data))
//
// mhData is the Mobility Header up to and including the mobility SPI with a
// zero Checksum (mh.Covered).
func MNHA(key []byte, careOf, home netip.Addr, mhData []byte) [AuthenticatorLen]byte {
	return mac96(key, careOf, home, mhData)
}

// Authenticator computes the Authenticator of the Binding Authorization Data
// option, RFC 6275 §6.2.7:
//
//	First (96, HMAC_SHA1 (Kbm, care-of address | correspondent | MH Data))
func Authenticator(kbm []byte, careOf, correspondent netip.Addr, mhData []byte) [AuthenticatorLen]byte {
	return mac96(kbm, careOf, correspondent, mhData)
}

// Equal compares an authenticator as received with the one computed, in
// constant time.
func Equal(received []byte, computed [AuthenticatorLen]byte) bool {
	return subtle.ConstantTimeCompare(received, computed[:]) == 1
}

func mac96(key []byte, first, second netip.Addr, data []byte) [AuthenticatorLen]byte {
	f, s := first.As16(), second.As16()
	sum := hmacSHA1(key, f[:], s[:], data)
	return [AuthenticatorLen]byte(sum[:])
}
