package cn

import (
	"encoding/binary"
	"io"
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// limiter bounds what others make us send in a second: to one network, and in
// all (§9.3.3). Who provokes answers from one network leaves those of others
// alone. It takes no memory for what it has seen.
type limiter struct {
	each, all int

	second int64
	sent   int
	to     [1024]uint8 // by hash of the /64
}

// limited says whether an answer to an address is one too many, and counts it if
// it is.
func (m *Machine) limited(l *limiter, to netip.Addr) bool {
	if l.allow(m.now, m.bucket(to)) {
		return false
	}
	m.count(role.CountRateLimited)
	return true
}

func (l *limiter) allow(now time.Time, bucket uint16) bool {
	if s := now.Unix(); s != l.second {
		l.second, l.sent, l.to = s, 0, [1024]uint8{}
	}
	if l.sent >= l.all || int(l.to[bucket]) >= l.each {
		return false
	}
	l.sent++
	l.to[bucket]++
	return true
}

// bucket hashes a network by a secret: nobody can look for one that shares its
// bucket with another's.
func (m *Machine) bucket(a netip.Addr) uint16 {
	if m.salt == 0 {
		var b [8]byte
		_, _ = io.ReadFull(m.rand, b[:]) // without randomness nothing is answered at all
		m.salt = binary.BigEndian.Uint64(b[:]) | 1
	}
	b := a.As16()
	h := (binary.BigEndian.Uint64(b[:8]) ^ m.salt) * 0x9e3779b97f4a7c15
	h = (h ^ h>>29 ^ m.salt>>7) * 0xbf58476d1ce4e5b9
	return uint16(h >> 54)
}
