package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Timeline is one handover: moments over an axis, below it streams of packets, if some were measured. Times are relative
// to a moment that the caller chooses.
type Timeline struct {
	Name       string
	From, To   time.Duration // what is drawn
	OutageFrom time.Duration // shaded up to OutageTo, where that is later
	OutageTo   time.Duration
	Marks      []Mark // in the order of their rows
	Streams    []Stream
}

// Mark is one moment. Class names its colour: link, ra, coa, bu, ba, first or direct.
type Mark struct {
	At    time.Duration
	Label string
	Class string
}

// Stream is an echo stream around the handover.
type Stream struct {
	Name   string
	Probes []Probe
}

// Probe is one echo request.
type Probe struct {
	At   time.Duration // when sent
	Lost bool
}

// Geometry of all pictures, in SVG units.
const width, left, right = 960, 150, 30

// Geometry of a timeline.
const (
	labelHeight  = 15
	streamHeight = 20
)

// SVG draws it.
func (t Timeline) SVG() template.HTML {
	axisY := len(t.Marks)*labelHeight + 12
	height := axisY + 30 + len(t.Streams)*streamHeight
	axis := scale(left, t.From, t.To)
	x := func(d time.Duration) float64 { return axis(max(d, t.From)) }
	var b picture
	b.open(height, t.Name)
	if t.OutageTo > t.OutageFrom {
		b.add(`<rect class="outage" x="%.1f" y="%d" width="%.1f" height="%d"/>`,
			x(t.OutageFrom), axisY, x(t.OutageTo)-x(t.OutageFrom), height-axisY-22)
	}
	b.add(`<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`, left, axisY, width-right, axisY)
	for i, m := range t.Marks {
		px, y := x(m.At), 12+i*labelHeight
		if m.At < t.From {
			m.Label = "← " + m.Label
		}
		anchor, dx := "start", 4.0
		if px > width-240 {
			anchor, dx = "end", -4
		}
		b.add(`<line class="mark %s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, m.Class, px, y-9, px, axisY)
		b.add(`<text class="%s" x="%.1f" y="%d" text-anchor="%s">%s %s</text>`, m.Class, px+dx, y, anchor, m.Label, Ms(m.At))
	}
	for i, s := range t.Streams {
		y := axisY + 16 + i*streamHeight
		b.add(`<text class="stream" x="%d" y="%d" text-anchor="end">%s</text>`, left-12, y+4, s.Name)
		for _, p := range s.Probes {
			if p.At < t.From || p.At > t.To {
				continue
			}
			class := "ok"
			if p.Lost {
				class = "lost"
			}
			b.add(`<circle class="%s" cx="%.1f" cy="%d" r="2.6"/>`, class, x(p.At), y)
		}
	}
	for _, tick := range ticks(t.From, t.To) {
		b.tick(x(time.Duration(tick*1e6)), axisY, height-20, fmt.Sprintf("%g", tick))
	}
	return b.close()
}

// scale is where a time lies on an axis that begins at left.
func scale(left float64, from, to time.Duration) func(time.Duration) float64 {
	return func(d time.Duration) float64 {
		return left + float64(d-from)/float64(to-from)*(width-left-right)
	}
}

// Ms is a time span in words: milliseconds, or seconds where there are many.
func Ms(d time.Duration) string {
	if d.Abs() >= 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/1e6)
}

// ticks are round numbers of milliseconds from zero on, at most about ten.
func ticks(from, to time.Duration) []float64 {
	first, last := float64(from)/1e6, float64(to)/1e6
	step := 1.0
	for i := 0; (last-first)/step > 10; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	var all []float64
	for n := 0; float64(n)*step <= last; n++ {
		all = append(all, float64(n)*step)
	}
	return all
}

// picture is an SVG that is being written.
type picture struct{ b strings.Builder }

func (p *picture) open(height int, name string) {
	p.add(`<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, name)
}

// add writes an element. Strings among the arguments may be anything.
func (p *picture) add(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = template.HTMLEscapeString(s)
		}
	}
	fmt.Fprintf(&p.b, format, args...)
}

func (p *picture) tick(x float64, top, bottom int, label string) {
	p.add(`<line class="tick" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%s</text>`,
		x, top, x, bottom, x, bottom+14, label)
}

func (p *picture) close() template.HTML {
	p.b.WriteString(`</svg>`)
	return template.HTML(p.b.String()) //nolint:gosec // of numbers and escaped strings
}
