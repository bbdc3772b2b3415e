package main

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"mip6d/internal/ctl"
)

// span is a duration for people: whole seconds, the two largest units.
func span(s ctl.Seconds) string {
	if s == ctl.Forever {
		return "forever"
	}
	d := s.Duration()
	switch {
	case d <= 0:
		return "0s"
	case d < time.Second:
		return "<1s"
	}
	n := int64(d / time.Second)
	units := []struct {
		name string
		n    int64
	}{{"d", n / 86400}, {"h", n / 3600 % 24}, {"m", n / 60 % 60}, {"s", n % 60}}
	for i, u := range units {
		if u.n == 0 {
			continue
		}
		text := strconv.FormatInt(u.n, 10) + u.name
		if i+1 < len(units) && units[i+1].n > 0 {
			text += strconv.FormatInt(units[i+1].n, 10) + units[i+1].name
		}
		return text
	}
	return "0s"
}

// moment is a point in time for people.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// addr is an address, or a dash for none.
func addr(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}

func word(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func words(list []string) string { return word(strings.Join(list, ", ")) }

// plain keeps what a daemon says on one line of a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
