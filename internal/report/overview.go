package report

import (
	"fmt"
	"html/template"
	"net/netip"
	"slices"
	"time"
)

// maxLanes is how many mobile nodes the overview shows: those with the most handovers.
const maxLanes = 40

// linkColours is how many classes c0, c1, … style.css has for links.
const linkColours = 6

// Overview is where mobile nodes were in a period.
type Overview struct {
	Since, Until time.Time
	Nodes        []*Node // the order in which they are shown
	Left         int     // how many are not
}

// overview chooses the nodes to show.
func overview(nodes []*Node, since, until time.Time) Overview {
	o := Overview{Since: since, Until: until, Nodes: slices.Clone(nodes)}
	if o.Left = len(nodes) - maxLanes; o.Left > 0 {
		slices.SortStableFunc(o.Nodes, func(a, b *Node) int { return len(b.Handovers) - len(a.Handovers) })
		o.Nodes = o.Nodes[:maxLanes]
		slices.SortFunc(o.Nodes, func(a, b *Node) int { return a.Home.Compare(b.Home) })
	}
	o.Left = max(o.Left, 0)
	return o
}

// SVG draws a lane for each: a bar for each stay, its colour by the link, and a mark for each handover.
func (o Overview) SVG() template.HTML {
	const lane, top, left = 22, 8, 270 // home addresses are long
	height := top + len(o.Nodes)*lane + 34
	axis := scale(left, 0, o.Until.Sub(o.Since))
	x := func(t time.Time) float64 { return min(max(axis(t.Sub(o.Since)), left), width-right) }
	colours := make(map[string]int)
	var b picture
	b.open(height, "where mobile nodes were")
	for i, n := range o.Nodes {
		y := top + i*lane
		b.add(`<text class="stream" x="%d" y="%d" text-anchor="end">%s</text>`, left-8, y+14, n.Home.String())
		for _, s := range n.Stays {
			class, where := "home", "at home"
			if s.CareOf.IsValid() {
				class, where = colour(colours, s), s.CareOf.String()
			}
			b.add(`<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s %s, %s to %s</title></rect>`,
				class, x(s.From), y+4, max(x(s.To)-x(s.From), .5), lane-8, where, s.Interface, clock(s.From), clock(s.To))
		}
		for _, h := range n.Handovers {
			class, what := "moved", "handover"
			at := h.Done
			if at.IsZero() {
				class, what, at = "failed", "did not end", h.Began()
			}
			b.add(`<line class="mark %s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"><title>%s %s</title></line>`, class, x(at), y+1, x(at), y+lane-1, clock(at), what)
		}
	}
	bottom := height - 30
	b.add(`<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`, left, bottom, width-right, bottom)
	for _, t := range moments(o.Since, o.Until) {
		b.tick(x(t), bottom, bottom+6, t.Format(layout(o.Until.Sub(o.Since))))
	}
	return b.close()
}

// colour gives each link a class of its own, as far as they go.
func colour(known map[string]int, s Stay) string {
	link := s.Interface + " " + netip.PrefixFrom(s.CareOf, 64).Masked().String()
	n, ok := known[link]
	if !ok {
		n = len(known)
		known[link] = n
	}
	return fmt.Sprintf("c%d", n%linkColours)
}

func clock(t time.Time) string { return t.Format("15:04:05.000") }

// steps between moments on the axis.
var steps = []time.Duration{
	time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
	10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour,
}

// moments are at most some eight round times of a period.
func moments(since, until time.Time) (list []time.Time) {
	step := steps[len(steps)-1]
	for _, s := range slices.Backward(steps) {
		if until.Sub(since)/s <= 8 {
			step = s
		}
	}
	_, offset := since.Zone()
	zone := time.Duration(offset) * time.Second
	for t := since.Add(zone).Truncate(step).Add(-zone); !t.After(until); t = t.Add(step) {
		if !t.Before(since) {
			list = append(list, t)
		}
	}
	return list
}

// layout is how moments of a period are told apart.
func layout(period time.Duration) string {
	switch {
	case period < 10*time.Second:
		return "15:04:05.000"
	case period < 10*time.Minute:
		return "15:04:05"
	case period < 48*time.Hour:
		return "15:04"
	}
	return "2006-01-02 15:04"
}
