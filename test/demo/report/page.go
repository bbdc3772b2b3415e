package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// Page is report.html.
type Page struct {
	Report  Report
	Moves   []Move // one per handover, in the same order
	Kernel  string
	Accel   string // how the machine was run
	RA      string // how often routers advertise
	Missing string // Report.Complete's
}

// Move is what the page shows of a handover beyond its numbers.
type Move struct {
	CareOf  string // source of the Binding Update
	BUs     int    // Binding Updates sent; more than one means retransmission
	Down    Ms     // how long there was no link
	Leaked  int    // home-address packets seen untunnelled on a foreign link
	Streams []Stream
}

// Stream is one echo stream around the handover.
type Stream struct {
	Name   string
	Probes []Probe
}

// Probe is one echo request.
type Probe struct {
	At   Ms // when sent, relative to link-up
	Lost bool
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"svg": svg,
	"ms": func(m *Ms) string {
		if m == nil {
			return "–"
		}
		return fmt.Sprintf("%.1f", m.Float())
	},
	"msv": func(m Ms) string { return fmt.Sprintf("%.1f", m.Float()) },
	"mb":  func(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) },
}).Parse(pageText))

// WriteHTML writes report.html.
func (p Page) WriteHTML(w io.Writer) error { return pageTemplate.Execute(w, p) }

// row is one handover for the template.
type row struct {
	Handover
	Move
	Retransmitted int
}

// Rows joins the handovers with their moves.
func (p Page) Rows() []row {
	var rows []row
	for i, h := range p.Report.Handovers {
		r := row{Handover: h}
		if i < len(p.Moves) {
			r.Move = p.Moves[i]
			r.Retransmitted = max(0, r.BUs-1)
		}
		rows = append(rows, r)
	}
	return rows
}

// Median is the median interruption between foreign links, for people.
func (p Page) Median() string {
	m, ok := p.Report.MedianForeign()
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.0f ms", m.Float())
}

// MedianRO is the same for the streams whose path is optimised.
func (p Page) MedianRO() string {
	m, ok := p.Report.MedianForeignRO()
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%.0f ms", m.Float())
}

// Losses is lost and sent over all handovers.
func (p Page) Losses() string {
	lost, sent := 0, 0
	for _, h := range p.Report.Handovers {
		lost += h.Lost
		sent += h.Sent
	}
	return fmt.Sprintf("%d of %d", lost, sent)
}

// mark is one moment on a timeline.
type mark struct {
	at    *Ms
	label string
	class string
}

func (r row) marks() []mark {
	return []mark{
		{r.LinkUp, "link up", "link"},
		{r.RA, "RA", "ra"},
		{r.CoAReady, "address ready", "coa"},
		{r.BUSent, "BU", "bu"},
		{r.BAReceived, "BA", "ba"},
		{r.FirstPacket, "first packet", "first"},
		{r.direct(), "first direct packet", "direct"},
	}
}

func (r row) direct() *Ms {
	if r.RO == nil {
		return nil
	}
	return r.RO.FirstDirect
}

// Geometry of a timeline, in SVG units.
const (
	width, left, right = 960, 150, 30
	labelRows          = 7
	labelHeight        = 15
	axisY              = labelRows*labelHeight + 12
	streamHeight       = 20
)

// svg draws one handover: the marks over an axis, below it each stream's
// requests, answered or lost.
func svg(r row) template.HTML {
	from, to := r.span()
	x := func(m Ms) float64 {
		return left + (m.Float()-from)/(to-from)*(width-left-right)
	}
	height := axisY + 30 + len(r.Streams)*streamHeight
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(r.Name))
	if f := r.FirstPacket; f != nil {
		fmt.Fprintf(&b, `<rect class="outage" x="%.1f" y="%d" width="%.1f" height="%d"/>`,
			x(-r.Down), axisY, x(*f)-x(-r.Down), height-axisY-22)
	}
	fmt.Fprintf(&b, `<line class="axis" x1="%d" y1="%d" x2="%d" y2="%d"/>`, left, axisY, width-right, axisY)
	for i, m := range r.marks() {
		if m.at == nil {
			continue
		}
		px, y := x(*m.at), 12+i*labelHeight
		anchor, dx := "start", 4.0
		if px > width-240 {
			anchor, dx = "end", -4
		}
		fmt.Fprintf(&b, `<line class="mark %s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`, m.class, px, y-9, px, axisY)
		fmt.Fprintf(&b, `<text class="%s" x="%.1f" y="%d" text-anchor="%s">%s %.1f ms</text>`, m.class, px+dx, y, anchor, m.label, m.at.Float())
	}
	for i, s := range r.Streams {
		y := axisY + 16 + i*streamHeight
		fmt.Fprintf(&b, `<text class="stream" x="%d" y="%d" text-anchor="end">%s</text>`, left-12, y+4, template.HTMLEscapeString(s.Name))
		for _, p := range s.Probes {
			if p.At.Float() < from || p.At.Float() > to {
				continue
			}
			class := "ok"
			if p.Lost {
				class = "lost"
			}
			fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%d" r="2.6"/>`, class, x(p.At), y)
		}
	}
	for _, tick := range ticks(from, to) {
		px := x(Ms(tick * 1e6))
		fmt.Fprintf(&b, `<line class="tick" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/><text class="tick" x="%.1f" y="%d" text-anchor="middle">%g</text>`,
			px, axisY, px, height-20, px, height-6, tick)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // built above from numbers and escaped names
}

// span is the part of the time that is drawn, in milliseconds: from some of the
// quiet before the link went down to some of that after.
func (r row) span() (from, to float64) {
	last := 0.0
	for _, m := range r.marks() {
		if m.at != nil {
			last = max(last, m.at.Float())
		}
	}
	last = max(last, 50)
	return -r.Down.Float() - 0.1*last - 15, 1.25*last + 10
}

// ticks are round numbers of milliseconds, at most about ten.
func ticks(from, to float64) []float64 {
	step := 1.0
	for i := 0; (to-from)/step > 10; i++ {
		step *= []float64{2, 2.5, 2}[i%3]
	}
	var all []float64
	for n := 0; float64(n)*step <= to; n++ {
		all = append(all, float64(n)*step)
	}
	return all
}
