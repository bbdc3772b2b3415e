package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/ctl"
)

// What a page shows at the most; it says what it leaves out.
const (
	maxPictures = 60  // handovers that are drawn, the latest
	maxNodes    = 500 // lines of mobile nodes
)

// Page is the report of a daemon. Times are shown in Until's zone.
type Page struct {
	Host   string
	Status ctl.Status
	Past   ctl.Events // of Since and later
	Since  time.Time
	Until  time.Time
}

//go:embed style.css
var style string

// Style is the style sheet of the pictures and of the page around them.
func Style() template.CSS { return template.CSS(style) } //nolint:gosec // ours

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"style": Style,
	"span":  Ms,
	"at":    func(t time.Time) string { return t.Format("2006-01-02 15:04:05.000") },
	"day":   func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
}).Parse(pageText))

// WriteHTML writes the page.
func (p Page) WriteHTML(w io.Writer) error { return pageTemplate.Execute(w, p.view()) }

// view is what the template shows.
type view struct {
	Page
	Overview     Overview
	Interruption Distribution
	Took         Distribution
	Nodes        []nodeRow
	NodesLeft    int
	Handovers    []handoverRow // the latest first
	HandoversAll int
	Planned      int
	Unfinished   int
	Refusals     int
}

type nodeRow struct {
	Home               netip.Addr
	Handovers          int
	Median, P95, Worst string
	Unfinished         int
	Now                string
}

type handoverRow struct {
	Handover
	Title  string
	Words  string
	Failed bool
	Image  template.HTML
}

func (p Page) view() view {
	if p.Past.Since.After(p.Since) {
		p.Since = p.Past.Since
	}
	zone := p.Until.Location()
	p.Since = p.Since.In(zone)
	for i := range p.Past.Events {
		p.Past.Events[i].Time = p.Past.Events[i].Time.In(zone)
	}
	v := view{
		Page: p, Interruption: Distribution{Name: "how long handovers interrupted", Unit: "handovers"},
		Took: Distribution{Name: "how long the home agent took", Unit: "handovers"},
	}
	for _, e := range p.Past.Events {
		if e.Status != nil && *e.Status >= 128 {
			v.Refusals++
		}
	}
	nodes := Follow(p.Past.Events, p.Until)
	v.Overview = overview(nodes, p.Since, p.Until)
	var all []Handover
	for _, n := range nodes {
		v.Nodes = append(v.Nodes, v.node(n))
		all = append(all, n.Handovers...)
	}
	slices.SortStableFunc(all, func(a, b Handover) int { return b.Began().Compare(a.Began()) })
	v.HandoversAll = len(all)
	for _, h := range all[:min(len(all), maxPictures)] {
		v.Handovers = append(v.Handovers, rowOf(h))
	}
	slices.SortStableFunc(v.Nodes, func(a, b nodeRow) int { return b.Handovers - a.Handovers })
	if v.NodesLeft = max(0, len(v.Nodes)-maxNodes); v.NodesLeft > 0 {
		v.Nodes = v.Nodes[:maxNodes]
	}
	return v
}

// node counts one mobile node's handovers.
func (v *view) node(n *Node) nodeRow {
	row := nodeRow{Home: n.Home, Handovers: len(n.Handovers), Now: "–"}
	var d Distribution
	for i := range n.Handovers {
		h := &n.Handovers[i]
		if h.Done.IsZero() {
			row.Unfinished++
			v.Unfinished++
		}
		if took, ok := h.Interruption(); ok {
			d.All = append(d.All, took)
			v.Interruption.All = append(v.Interruption.All, took)
			if took == 0 {
				v.Planned++
			}
		}
		if h.Took > 0 && h.From.IsValid() { // a new binding waits for duplicate address detection
			d.All = append(d.All, h.Took)
			v.Took.All = append(v.Took.All, h.Took)
		}
	}
	row.Median, row.P95, row.Worst = percentile(d, 50), percentile(d, 95), percentile(d, 100)
	if k := len(n.Stays); k > 0 && n.Stays[k-1].To.Equal(v.Until) {
		row.Now = "at home"
		if s := n.Stays[k-1]; s.CareOf.IsValid() {
			row.Now = s.CareOf.String()
		}
	}
	return row
}

func percentile(d Distribution, percent int) string {
	v, ok := d.At(percent)
	if !ok {
		return "–"
	}
	return Ms(v)
}

// Figure is a percentile in words, for the template.
func (d Distribution) Figure(percent int) string { return percentile(d, percent) }

func rowOf(h Handover) handoverRow {
	r := handoverRow{Handover: h, Failed: h.Done.IsZero()}
	r.Title = fmt.Sprintf("%s: %s → %s", h.Home, end(h.From, h.FromHome), end(h.To, h.ToHome))
	switch took, ok := h.Interruption(); {
	case r.Failed && h.Refused != "":
		r.Words = "did not end: " + h.Refused
	case r.Failed:
		r.Words = "did not end"
	case ok && took == 0:
		r.Words = "no interruption: the old path stood until then"
	case ok:
		r.Words = "interrupted for " + Ms(took)
	case h.Took > 0:
		r.Words = "in force " + Ms(h.Took) + " after the Binding Update came"
	default:
		r.Words = "a first registration"
	}
	if h.Updates > 1 {
		r.Words += fmt.Sprintf("; %d Binding Updates", h.Updates)
	}
	if h.Interface != "" {
		r.Words += "; " + h.Interface
	}
	if !h.Agent || h.Took > 0 {
		r.Image = timelineOf(h, r.Title).SVG()
	}
	return r
}

func end(careOf netip.Addr, home bool) string {
	switch {
	case home:
		return "home"
	case careOf.IsValid():
		return careOf.String()
	}
	return "nowhere"
}

// shortest is a time that is drawn in any case.
const shortest = 10 * time.Millisecond

// timelineOf draws what was seen of a handover, from the new link's coming up, or else from its begin.
func timelineOf(h Handover, name string) Timeline {
	zero := h.LinkUp
	if zero.IsZero() {
		zero = h.Began()
	}
	t := Timeline{Name: name}
	done := "path in force"
	if h.Agent {
		done = "binding in force"
	}
	for _, m := range []struct {
		at    time.Time
		label string
		class string
	}{
		{h.LinkDown, "old path ends", "link"}, {h.LinkUp, "link up", "link"}, {h.Router, "RA", "ra"}, {h.CareOfReady, "address ready", "coa"},
		{h.UpdateSent, "BU", "bu"}, {h.AckReceived, "BA", "ba"}, {h.Done, done, "first"}, {h.Direct, "first direct path", "direct"},
	} {
		if !m.at.IsZero() {
			t.Marks = append(t.Marks, Mark{At: m.at.Sub(zero), Label: m.label, Class: m.class})
		}
	}
	for _, m := range t.Marks {
		t.From, t.To = min(t.From, m.At), max(t.To, m.At)
	}
	// However long there was no link, what came then is to be seen.
	t.From = max(t.From, -max(t.To/2, shortest))
	margin := (t.To-t.From)/10 + time.Millisecond
	t.From, t.To = t.From-margin, t.To+2*margin
	if !h.LinkDown.IsZero() {
		t.OutageFrom, t.OutageTo = h.LinkDown.Sub(zero), t.To
		if !h.Done.IsZero() {
			t.OutageTo = h.Done.Sub(zero)
		}
	}
	return t
}
