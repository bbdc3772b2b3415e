package ha

import (
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// authentic checks who sent a Binding Update (RFC 6275 §5.1, RFC 4285 §5.1, §6).
// It answers, where there is an answer, and counts. That the options stand where
// they must the codec has seen to.
func (m *Machine) authentic(r *request) bool {
	if !m.protected(r) {
		return false
	}
	if r.mn == nil || r.mn.Auth == nil {
		return r.authentic || m.withoutKey(r)
	}
	auth := r.mn.Auth
	opt, ok := mnha(r.bu.Options)
	switch {
	case !ok:
		m.count(role.CountNoAuth)
		return false
	case opt.SPI != auth.SPI:
		m.count(role.CountUnknownSPI)
		return false
	case auth.MNID != "" && mnid(r.bu.Options) != auth.MNID:
		m.count(role.CountBadAuth)
		return false
	}
	var room [usualLen]byte
	covered := mh.AppendCovered(room[:], r.raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
	if !rr.Equal(opt.Authenticator, rr.MNHA(auth.Key, r.careOf, r.home, covered)) {
		m.refuse(r, mh.StatusAuthFail, role.CountBadAuth)
		return false
	}
	r.authentic = true
	return m.fresh(r)
}

// protected looks whether a mobile node's message came in through the security
// association of its home address, where it has one. The kernel refuses what
// didn't; this is for the day on which it is told otherwise.
//
// The address inside is what the mobile node wants bound: the one outside is not
// protected (RFC 3776 §4.3: MUST).
func (m *Machine) protected(r *request) bool {
	if r.mn == nil || r.mn.SA == 0 {
		return true
	}
	if r.sa != r.mn.SA {
		m.count(role.CountUnprotected)
		return false
	}
	if _, ok := mh.Find[mh.AlternateCareOfAddress](r.bu.Options); !ok && !r.delete() {
		m.count(role.CountBadCareOf)
		return false
	}
	r.authentic = true
	return true
}

// withoutKey: no security association is a reason to discard what is
// authenticated (§5.1.1), and, unless allowed, what is not.
func (m *Machine) withoutKey(r *request) bool {
	if !m.p.AllowUnauthenticated {
		m.count(role.CountNoAuth)
		return false
	}
	if _, ok := mh.Find[mh.MobilityMessageAuthentication](r.bu.Options); ok {
		m.count(role.CountUnknownSPI)
		return false
	}
	return true
}

// fresh checks the timestamp, after authentication (RFC 4285 §6): near our
// clock, and later than all that were accepted.
func (m *Machine) fresh(r *request) bool {
	if r.mn.Auth.Replay != ReplayTimestamp {
		return true
	}
	if !r.hasID {
		m.refuse(r, mh.StatusMesgIDRequired, role.CountReplay)
		return false
	}
	off := fromNTP(r.stamp).Sub(m.now)
	n := m.node(r.home)
	if off.Abs() > m.p.TimestampWindow || n.stamp != 0 && int64(r.stamp-n.stamp) <= 0 {
		m.refuse(r, mh.StatusIDMismatch, role.CountReplay)
		return false
	}
	return true
}

// mnha finds the MN-HA authentication option.
func mnha(opts mh.Options) (mh.MobilityMessageAuthentication, bool) {
	for _, o := range opts {
		if a, ok := o.(mh.MobilityMessageAuthentication); ok && a.Subtype == mh.SubtypeMNHA {
			return a, true
		}
	}
	return mh.MobilityMessageAuthentication{}, false
}

func mnid(opts mh.Options) string {
	id, _ := mh.Find[mh.MobileNodeIdentifier](opts)
	return string(id.Identifier)
}

// usualLen is that of messages of which an authenticator is made without an allocation.
const usualLen = 256

// ntpEpoch is 1 January 1900 in seconds before 1970 (RFC 1305).
const ntpEpoch = 2208988800

func toNTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// fromNTP reads a timestamp of NTP's first era, which ends in 2036, or of the
// second, whichever can be now.
func fromNTP(stamp uint64) time.Time {
	seconds := int64(stamp >> 32)
	if seconds < 1<<31 {
		seconds += 1 << 32
	}
	return time.Unix(seconds-ntpEpoch, int64(stamp&0xffffffff*1e9>>32))
}
