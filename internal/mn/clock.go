package mn

import "time"

// clock makes the timestamps of RFC 4285 §6: our time of day in NTP format,
// corrected by what the home agent told of its own.
type clock struct {
	on     bool
	offset time.Duration // the home agent's clock minus ours

	last     uint64 // sent last, since the last correction
	accepted uint64 // of the last Binding Update that succeeded
}

// ntpEpoch is 1 January 1900 in seconds before 1970 (RFC 1305).
const ntpEpoch = 2208988800

// stamp returns the next timestamp, greater than those before it (RFC 4285 §6:
// MUST), or 0 if there is to be none. noise fills the bits that our clock does
// not have.
func (c *clock) stamp(now time.Time, noise byte) uint64 {
	if !c.on {
		return 0
	}
	now = now.Add(c.offset)
	s := uint64(now.Unix()+ntpEpoch)<<32 | uint64(now.Nanosecond())<<32/1e9 + uint64(noise&3)
	for _, before := range []uint64{c.last, c.accepted} {
		if before != 0 && !stampLater(s, before) {
			s = before + 1
		}
	}
	c.last = s
	return s
}

// stampLater compares modulo 2^64: NTP's seconds begin again in 2036.
func stampLater(a, b uint64) bool { return int64(a-b) > 0 }

// accept remembers the timestamp of a Binding Update that succeeded.
func (c *clock) accept(stamp uint64) {
	if c.accepted == 0 || stampLater(stamp, c.accepted) {
		c.accepted = stamp
	}
}

// correct takes a Binding Acknowledgement with MIPV6-ID-MISMATCH: its timestamp
// has the home agent's seconds above our own fraction.
func (c *clock) correct(sent, answered uint64) {
	seconds := int32(uint32(answered>>32) - uint32(sent>>32))
	c.offset += time.Duration(seconds) * time.Second
	c.on = true
	c.last = 0 // what was refused need not be exceeded
}
