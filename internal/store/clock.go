package store

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is a moment by the clocks that a record's times are carried over with.
type Clock struct {
	BootID [16]byte      // which boot of the machine
	Boot   time.Duration // since then, time asleep included (CLOCK_BOOTTIME)
	Now    time.Time     // the wall clock's, with Go's monotonic reading
}

// ReadClock reads the machine's clocks.
func ReadClock() (Clock, error) {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Clock{}, fmt.Errorf("read which boot this is: %w", err)
	}
	c := Clock{Now: time.Now()}
	id, err := hex.DecodeString(string(bytes.ReplaceAll(bytes.TrimSpace(raw), []byte("-"), nil)))
	if err != nil || len(id) != len(c.BootID) {
		return Clock{}, fmt.Errorf("read which boot this is: %q is no identifier", raw)
	}
	copy(c.BootID[:], id)
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return Clock{}, fmt.Errorf("read CLOCK_BOOTTIME: %w", err)
	}
	c.Boot = time.Duration(ts.Nano())
	return c, nil
}

// stamp is a time as it is recorded: by the boot clock, which no step of the wall
// clock disturbs.
func (c Clock) stamp(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return c.Boot + t.Sub(c.Now)
}

// passed is how much time passed between the last commit and now. In the same boot
// the boot clock knows. After another one only the wall clock can: one that has gone
// back since is wrong, and then the time in between counts for nothing.
func (c Clock) passed(last Clock) time.Duration {
	if c.BootID == last.BootID {
		return c.Boot - last.Boot
	}
	return max(c.Now.Round(0).Sub(last.Now.Round(0)), 0)
}

// time reads a recorded time that was written before last.
func (c Clock) time(stamp time.Duration, last Clock) time.Time {
	if stamp == 0 {
		return time.Time{}
	}
	return c.Now.Add(stamp - last.Boot - c.passed(last))
}
