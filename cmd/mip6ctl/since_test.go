package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseSince(t *testing.T) {
	zone := time.FixedZone("", 3600)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, zone)
	for s, want := range map[string]time.Time{
		"90s":                  now.Add(-90 * time.Second),
		"1h30m":                now.Add(-90 * time.Minute),
		"2d":                   time.Date(2026, 2, 27, 12, 0, 0, 0, zone),
		"11:30":                time.Date(2026, 3, 1, 11, 30, 0, 0, zone),
		"12:00:01":             time.Date(2026, 2, 28, 12, 0, 1, 0, zone), // yesterday
		"2026-01-02":           time.Date(2026, 1, 2, 0, 0, 0, 0, zone),
		"2026-01-02 15:04":     time.Date(2026, 1, 2, 15, 4, 0, 0, zone),
		"2026-01-02T15:04:05Z": time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC),
	} {
		if got, err := parseSince(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1h", "-1d", "yesterday", "25:00", "1"} {
		if got, err := parseSince(s, now); err == nil {
			t.Errorf("%q is taken as %v", s, got)
		}
	}
}

// FuzzParseSince: nothing is taken for a time that is yet to come, but by a date.
func FuzzParseSince(f *testing.F) {
	for _, s := range []string{"1h", "2d", "23:59", "2026-01-02 15:04", "99999999d", "-1s"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseSince(s, now)
		if err == nil && got.After(now) && !strings.Contains(s, "-") {
			t.Errorf("%q is taken as %v, at %v", s, got, now)
		}
	})
}
