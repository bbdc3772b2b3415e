package admission

import "time"

// budget holds the messages of one sender to maxUpdateRate in the long run, and to burst at
// once. It is the time at which all that was sent would have been due, in nanoseconds since
// 1970. The zero value has everything to spend.
type budget int64

const (
	maxUpdateRate = 3 // MAX_UPDATE_RATE, RFC 6275 §12, in a second
	burst         = 6 // a handover during a refresh, with what a network has held up

	each = int64(time.Second) / maxUpdateRate
)

// spend says whether one more message is within the budget, and takes it.
func (b *budget) spend(now time.Time) bool {
	at := now.UnixNano()
	due := max(int64(*b), at)
	if due-at > (burst-1)*each {
		return false
	}
	*b = budget(due + each)
	return true
}
