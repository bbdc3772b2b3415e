package mld

import (
	"math/bits"
	"time"
)

// queryLen is a query of version 2 without sources (RFC 3810 §5.1).
const queryLen = 28

// Marshal writes the message from its Type field on, with a checksum of zero.
func (q Query) Marshal() []byte {
	b := make([]byte, queryLen)
	b[0] = byte(TypeQuery)
	be.PutUint16(b[4:], responseCode(q.MaxResponse))
	if q.Group.IsValid() {
		g := q.Group.As16()
		copy(b[8:], g[:])
	}
	b[24] = q.Robustness & 7
	b[25] = intervalCode(q.Interval)
	return b
}

// responseCode is the Maximum Response Code (RFC 3810 §5.1.3): from 32768 on it is a
// number of 12 bits after a leading one, and 3 bits of exponent. What can't be told
// exactly is told as less.
func responseCode(d time.Duration) uint16 {
	ms := uint64(max(d, 0) / time.Millisecond)
	if ms < 1<<15 {
		return uint16(ms)
	}
	ms = min(ms, 0x1fff<<10)
	exp := bits.Len64(ms) - 16
	return 1<<15 | uint16(exp)<<12 | uint16(ms>>(exp+3))&0xfff
}

// intervalCode is the Querier's Query Interval Code (RFC 3810 §5.1.9), the same with 4
// bits, from 128 s on.
func intervalCode(d time.Duration) uint8 {
	s := uint64(max(d, 0) / time.Second)
	if s < 1<<7 {
		return uint8(s)
	}
	s = min(s, 0x1f<<10)
	exp := bits.Len64(s) - 8
	return 1<<7 | uint8(exp)<<4 | uint8(s>>(exp+3))&0xf
}
