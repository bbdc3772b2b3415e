package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/ctl"
)

var topNoon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// topOf is a view of a home agent with so many bindings, after two answers and some
// events.
func topOf(bindings, width, height int) *top {
	t := &top{width: width, height: height}
	status := ctl.Status{Roles: []string{ctl.RoleHomeAgent, ctl.RoleCorrespondentNode}, Since: topNoon.Add(-3 * time.Hour)}
	var list []ctl.Binding
	for i := range bindings {
		list = append(list, ctl.Binding{
			Type: ctl.BindingHome, HomeAddress: netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%x", 0x100+i)),
			CareOf: netip.MustParseAddr(fmt.Sprintf("2001:db8:f1::%x", 0x100+i)), Remaining: ctl.Seconds(time.Duration(60+i) * time.Second), Moves: uint64(i % 7),
		})
	}
	t.take(sample{at: topNoon, status: status, bindings: list, counters: map[string]uint64{"mh_in": 1000, "bu_accepted": 900, "bu_refused": 7}})
	t.take(sample{at: topNoon.Add(2 * time.Second), took: 3 * time.Millisecond, status: status, bindings: list,
		counters: map[string]uint64{"mh_in": 1030, "bu_accepted": 925, "bu_refused": 7, "tunnel_passed": 12}})
	for i := range 8 {
		t.happened(ctl.Event{Time: topNoon.Add(time.Duration(i) * time.Second), Kind: "binding_moved", Text: "binding moved",
			HomeAddress: list[min(i, len(list)-1)].HomeAddress, CareOf: list[min(i, len(list)-1)].CareOf})
	}
	return t
}

// golden compares a screen with testdata/top; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "top", name+".golden")
	var trimmed []string
	for _, l := range strings.Split(got, "\n") {
		trimmed = append(trimmed, strings.TrimRight(l, " "))
	}
	got = strings.Join(trimmed, "\n") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

func inUTC(t *testing.T) {
	t.Helper()
	local := time.Local
	time.Local = time.UTC
	t.Cleanup(func() { time.Local = local })
}

// TestTopScreens: the view as text.
func TestTopScreens(t *testing.T) {
	inUTC(t)
	golden(t, "homeagent", topOf(40, 100, 30).view())

	narrow := topOf(3, 60, 16)
	narrow.now.status.Problems = []ctl.Problem{{Severity: ctl.Critical, Text: "tunnel: no such device"}, {Severity: ctl.Warning, Text: "x"}}
	golden(t, "narrow", narrow.view())

	mn := &top{width: 100, height: 28}
	status := ctl.Status{Roles: []string{ctl.RoleMobileNode}, Since: topNoon.Add(-time.Minute)}
	mn.take(sample{at: topNoon, status: status, updates: []ctl.BindingUpdate{
		{HomeAddress: netip.MustParsePrefix("2001:db8:1::100/64"), CareOf: netip.MustParseAddr("2001:db8:f1::5"), State: "away", Mode: "tunnelled",
			Registered: true, Remaining: ctl.Seconds(time.Minute), Interface: "wlan0"},
	}})
	golden(t, "mobilenode", mn.view())

	mn.take(sample{err: fmt.Errorf("mip6d is not running")})
	golden(t, "gone", mn.view())
}

// TestTopKeys: sorting, scrolling, pausing.
func TestTopKeys(t *testing.T) {
	inUTC(t)
	top := topOf(40, 100, 30)
	for range len(topKeys) - 1 {
		top.press("s")
	}
	top.press("r")
	top.press("pgdown")
	golden(t, "sorted", top.view())
	for range 100 {
		top.press("pgdown")
	}
	if top.scroll != 39 {
		t.Errorf("scrolled to %d of 40", top.scroll)
	}
	top.press("p")
	before := top.now.at
	top.take(sample{at: topNoon.Add(time.Hour)})
	if !top.now.at.Equal(before) || !strings.Contains(top.view(), "PAUSED") {
		t.Error("it goes on")
	}
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		if !top.press(key) {
			t.Errorf("%s is not the end", key)
		}
	}
}

// TestTopFits: whatever the terminal's size, nothing runs over its edge.
func TestTopFits(t *testing.T) {
	for _, width := range []int{1, 20, 80, 200} {
		for _, height := range []int{0, 1, 5, 24, 100} {
			lines := strings.Split(topOf(10, width, height).view(), "\n")
			if len(lines) > max(height, 1) {
				t.Errorf("%d lines on a screen of %d", len(lines), height)
			}
			for _, l := range lines {
				if n := utf8.RuneCountInString(l); n > width {
					t.Errorf("%d characters on a screen of %d: %q", n, width, l)
				}
			}
		}
	}
}

// TestTopRates: of another run of mip6d, nothing is compared with this one's.
func TestTopRates(t *testing.T) {
	top := topOf(1, 80, 24)
	got := fmt.Sprint(top.rates())
	if want := "[{mh_in 15 1030} {bu_accepted 12.5 925} {tunnel_passed 6 12}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := top.handovers(); n != 8 {
		t.Errorf("%d handovers, want 8", n)
	}
	again := top.now
	again.at, again.status.Since = again.at.Add(time.Second), topNoon
	top.take(again)
	if got := top.rates(); got != nil {
		t.Errorf("after a restart: %v", got)
	}
	again.at = topNoon.Add(topWindow + 5*time.Second)
	top.take(again)
	if n := top.handovers(); n != 3 {
		t.Errorf("%d handovers in the last minutes, want 3", n)
	}
}
