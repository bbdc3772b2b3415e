package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sinceFlag is a flag with a point in time, or a span until now.
type sinceFlag struct{ t *time.Time }

func (f sinceFlag) String() string {
	if f.t == nil || f.t.IsZero() {
		return ""
	}
	return f.t.Format(time.RFC3339)
}

func (sinceFlag) Type() string { return "time" }

func (f sinceFlag) Set(s string) (err error) {
	*f.t, err = parseSince(s, time.Now())
	return err
}

// parseSince understands 1h30m, 2d, 15:04, 15:04:05 (the latest), a date, and a date
// with a time, of the local zone unless it says which.
func parseSince(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if t.After(now) {
				t = t.AddDate(0, 0, -1)
			}
			return t, nil
		}
	}
	s = strings.Replace(s, " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time span such as 1h30m or 2d nor a time such as 15:04 or 2026-01-02T15:04", s)
}
