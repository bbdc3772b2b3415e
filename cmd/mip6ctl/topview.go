package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"mip6d/internal/ctl"
)

// How a screen is divided.
const (
	topRates    = 5 // counters that are shown
	topNewest   = 6 // events that are shown
	topOther    = 9 // lines of titles, heads and blanks
	topMinLines = 3 // of the list
)

// room is how many lines the list of bindings has on the screen.
func (t *top) room() int {
	return max(t.height-topOther-topRates-topNewest, topMinLines)
}

// view is the screen, as text: no longer than it is high, and no line longer than it is
// wide.
func (t *top) view() string {
	if t.height < 1 {
		return "" // the terminal has not said yet how large it is
	}
	var lines []string
	add := func(more ...string) { lines = append(lines, more...) }
	add(t.title(), t.health(), "")
	add(t.rateLines()...)
	add("")
	add(t.listLines()...)
	add("", "NEWEST EVENTS")
	add(t.eventLines()...)
	if n := t.height - 1; len(lines) > n {
		lines = lines[:n]
	}
	for len(lines) < t.height-1 {
		lines = append(lines, "")
	}
	add(t.help())
	for i, l := range lines {
		lines[i] = cut(l, t.width)
	}
	return strings.Join(lines, "\n")
}

// cut shortens a line to so many characters.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	return string([]rune(s)[:width-1]) + "…"
}

func (t *top) title() string {
	s := t.now.status
	home, other := 0, 0
	for _, b := range t.now.bindings {
		if b.Type == ctl.BindingHome {
			home++
		} else {
			other++
		}
	}
	parts := []string{"mip6d", strings.ReplaceAll(strings.Join(s.Roles, ", "), "_", " "), "up " + span(ctl.Seconds(t.now.at.Sub(s.Since)))}
	if home > 0 || len(t.now.updates) == 0 {
		parts = append(parts, count(home, "binding"))
	}
	if n := len(t.now.updates); n > 0 {
		parts = append(parts, count(n, "home address"))
	}
	if other > 0 {
		parts = append(parts, count(other, "correspondent"))
	}
	parts = append(parts, fmt.Sprintf("%s in %s", count(t.handovers(), "handover"), span(ctl.Seconds(topWindow))))
	return strings.Join(parts, " · ")
}

func (t *top) health() string {
	p := t.now.status.Problems
	switch {
	case t.now.err != nil:
		return "! " + plain(t.now.err.Error())
	case t.now.at.IsZero():
		return "waiting for an answer of mip6d"
	case len(p) == 0:
		return "no problems"
	case len(p) == 1:
		return "! " + plain(string(p[0].Severity)+": "+p[0].Text)
	}
	return fmt.Sprintf("! %s: %s (and %d more: mip6ctl status)", p[0].Severity, plain(p[0].Text), len(p)-1)
}

func (t *top) rateLines() []string {
	rows := [][]string{{"COUNTER", "PER SECOND", "TOTAL"}}
	for i, r := range t.rates() {
		if i == topRates {
			break
		}
		rows = append(rows, []string{r.name, strconv.FormatFloat(r.perSecond, 'f', 1, 64), strconv.FormatUint(r.total, 10)})
	}
	return padded(columns(rows), topRates+1)
}

func (t *top) listLines() []string {
	var rows [][]string
	if len(t.now.updates) > 0 {
		rows = append(rows, []string{"HOME ADDRESS", "CARE-OF", "STATE", "BINDING", "LEFT", "INTERFACE"})
		for _, b := range t.now.updates {
			rows = append(rows, []string{b.HomeAddress.String(), addr(b.CareOf), pathState(b), bindingState(b), span(b.Remaining), word(b.Interface)})
		}
	}
	if len(t.now.bindings) > 0 || len(rows) == 0 {
		sign := ""
		if t.down {
			sign = "-"
		}
		heads := []string{"HOME ADDRESS", "CARE-OF", "TYPE", "LEFT", "MOVES", "(sorted by " + sign + topKeys[t.sort].name + ")"}
		rows = append(rows, heads)
		list := t.sorted()
		list = list[min(t.scroll, len(list)):]
		for _, b := range list[:min(len(list), t.room())] {
			rows = append(rows, []string{addr(b.HomeAddress), addr(b.CareOf), word(b.Type), span(b.Remaining), strconv.FormatUint(b.Moves, 10)})
		}
	}
	lines := columns(rows)
	return padded(lines[:min(len(lines), t.room()+1)], t.room()+1)
}

func (t *top) eventLines() []string {
	var lines []string
	for i := len(t.events) - 1; i >= 0 && len(lines) < topNewest; i-- {
		var b bytes.Buffer
		_ = printEvent(page{Writer: &b}, t.events[i], timeOfDay) // a buffer takes everything
		lines = append(lines, strings.TrimRight(b.String(), "\n"))
	}
	return padded(lines, topNewest)
}

func (t *top) help() string {
	text := "q quit  s sort  r reverse  ↑↓ scroll  p pause"
	if t.paused {
		text += "  PAUSED"
	}
	if took := t.now.took; took > time.Second {
		text += fmt.Sprintf("  (mip6d took %v to answer)", took.Round(100*time.Millisecond))
	}
	return text
}

func columns(rows [][]string) []string {
	var b bytes.Buffer
	printColumns(&b, rows)
	return strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
}

// padded has so many lines.
func padded(lines []string, n int) []string {
	for len(lines) < n {
		lines = append(lines, "")
	}
	return lines
}
