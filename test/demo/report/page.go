package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	draw "mip6d/internal/report"
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
	Streams []draw.Stream
}

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"svg":   row.timeline,
	"style": draw.Style,
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

// timeline draws one handover; times are relative to the link's coming up.
func (r row) timeline() template.HTML {
	t := draw.Timeline{Name: r.Name, Marks: r.marks()}
	t.From, t.To = r.span()
	if f := r.FirstPacket; f != nil {
		t.OutageFrom, t.OutageTo = -time.Duration(r.Down), time.Duration(*f)
	}
	t.Streams = r.Streams
	return t.SVG()
}

func (r row) marks() (list []draw.Mark) {
	add := func(at *Ms, label, class string) {
		if at != nil {
			list = append(list, draw.Mark{At: time.Duration(*at), Label: label, Class: class})
		}
	}
	add(r.LinkUp, "link up", "link")
	add(r.RA, "RA", "ra")
	add(r.CoAReady, "address ready", "coa")
	add(r.BUSent, "BU", "bu")
	add(r.BAReceived, "BA", "ba")
	add(r.FirstPacket, "first packet", "first")
	if r.RO != nil {
		add(r.RO.FirstDirect, "first direct packet", "direct")
	}
	return list
}

// span is the part of the time that is drawn: from some of the quiet before the link went down to some of that after.
func (r row) span() (from, to time.Duration) {
	last := 50 * time.Millisecond
	for _, m := range r.marks() {
		last = max(last, m.At)
	}
	return -time.Duration(r.Down) - last/10 - 15*time.Millisecond, last + last/4 + 10*time.Millisecond
}
