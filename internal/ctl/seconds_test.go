package ctl

import (
	"encoding/json"
	"testing"
	"time"
)

func TestSecondsJSON(t *testing.T) {
	for _, tt := range []struct {
		d    Seconds
		text string
	}{
		{0, "0"},
		{Seconds(420 * time.Second), "420"},
		{Seconds(1500 * time.Millisecond), "1.5"},
		{Seconds(262140 * time.Second), "262140"},
		{Seconds(-time.Millisecond), "-0.001"},
		{Forever, "null"},
	} {
		b, err := json.Marshal(tt.d)
		if err != nil || string(b) != tt.text {
			t.Errorf("Marshal(%v) = %s, %v; want %s", tt.d.Duration(), b, err, tt.text)
		}
		back := Seconds(7)
		if err := json.Unmarshal([]byte(tt.text), &back); err != nil || back != tt.d {
			t.Errorf("Unmarshal(%s) = %v, %v; want %v", tt.text, back.Duration(), err, tt.d.Duration())
		}
	}
	if b, _ := json.Marshal(Seconds(1234567 * time.Nanosecond)); string(b) != "0.001" {
		t.Errorf("nanoseconds are not rounded away: %s", b)
	}
	for _, bad := range []string{`"1s"`, `1e300`, `true`} {
		var s Seconds
		if err := json.Unmarshal([]byte(bad), &s); err == nil {
			t.Errorf("Unmarshal(%s) succeeds with %v", bad, s.Duration())
		}
	}
}
