// Package rr computes what Mobile IPv6 authenticates with: keygen tokens,
// nonces, Kbm and the Binding Authorization Data of return routability (RFC
// 6275 §5.2), and the MN-HA authenticator of RFC 4285 §5.1.
//
// It holds no state but the ring of nonces, and takes time and randomness as
// arguments. All comparisons are in constant time. Secrets are in fields that
// no other package sees, and a Nonce prints as its index only (§5.2.1: Kcn is
// never shared).
//
// The files: mnha.go authenticators, token.go keygen tokens and Kbm, nonces.go
// the ring.
package rr
