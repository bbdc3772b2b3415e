package rr

import (
	"crypto/sha1"
	"fmt"
	"io"
	"net/netip"
	"strconv"
)

// Token is a home or care-of keygen token (RFC 6275 §5.2.3).
type Token [8]byte

// Nonce is one nonce together with the node key Kcn that was made with it, so
// that the index tells both (RFC 6275 §5.2.7).
type Nonce struct {
	Index uint16
	kcn   [20]byte
	value [8]byte
}

// HomeToken computes the home keygen token, RFC 6275 §5.2.5:
//
//	First (64, HMAC_SHA1 (Kcn, (home address | nonce | 0)))
func (n Nonce) HomeToken(home netip.Addr) Token { return n.token(home, 0) }

// CareOfToken computes the care-of keygen token, RFC 6275 §5.2.5:
//
//	First (64, HMAC_SHA1 (Kcn, (care-of address | nonce | 1)))
func (n Nonce) CareOfToken(careOf netip.Addr) Token { return n.token(careOf, 1) }

// String tells the index and no secret.
func (n Nonce) String() string { return "nonce " + strconv.Itoa(int(n.Index)) }

// Format prints the index and no secret, whatever the verb.
func (n Nonce) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.String()) }

func (n *Nonce) token(a netip.Addr, which byte) Token {
	var msg [16 + len(n.value) + 1]byte
	a16 := a.As16()
	copy(msg[:], a16[:])
	copy(msg[16:], n.value[:])
	msg[len(msg)-1] = which
	mac := hmacSHA1(n.kcn[:], msg[:], nil, nil)
	return Token(mac[:8])
}

// hmacSHA1 is HMAC_SHA1 (RFC 2104) of a key and a message in three parts. A
// correspondent node computes one for every test init message that anybody cares
// to send, a home agent two for each Binding Update; unlike crypto/hmac this allocates
// nothing for messages of the usual size.
func hmacSHA1(key, a, b, c []byte) [sha1.Size]byte {
	var k [sha1.BlockSize]byte
	if len(key) > len(k) {
		sum := sha1.Sum(key)
		key = sum[:]
	}
	copy(k[:], key)
	for i := range k {
		k[i] ^= 0x36
	}
	var room [512]byte
	inner := sha1.Sum(append(append(append(append(room[:0], k[:]...), a...), b...), c...))
	for i := range k {
		k[i] ^= 0x36 ^ 0x5c
	}
	return sha1.Sum(append(append(room[:0], k[:]...), inner[:]...))
}

// Kbm computes the binding management key, RFC 6275 §5.2.5:
//
//	SHA-1 (home keygen token | care-of keygen token)
func Kbm(home, careOf Token) [20]byte {
	var b [16]byte
	copy(b[:], home[:])
	copy(b[8:], careOf[:])
	return sha1.Sum(b[:])
}

// KbmDelete computes the key of a Binding Update that deletes a binding, for
// which the care-of keygen token is not used (RFC 6275 §5.2.5):
//
//	SHA-1 (home keygen token)
func KbmDelete(home Token) [20]byte { return sha1.Sum(home[:]) }
