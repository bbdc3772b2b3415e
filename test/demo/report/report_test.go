package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	draw "mip6d/internal/report"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ms(f float64) *Ms {
	m := Ms(f * float64(time.Millisecond))
	return &m
}

func foreign(name string, interruption float64) Handover {
	return Handover{Name: name, From: "foreign1", To: "foreign2", LinkUp: ms(0), RA: ms(4.126), CoAReady: ms(6), BUSent: ms(7.5),
		BAReceived: ms(12), FirstPacket: ms(20), Interruption: *ms(interruption), Lost: 3, Sent: 700,
		RO: &RO{CoTI: ms(7.6), CoT: ms(9), BU: ms(12.5), FirstDirect: ms(15), Interruption: *ms(interruption + 5), Lost: 4, Sent: 701}}
}

// The keys are those that `make demo` promises.
func TestJSON(t *testing.T) {
	r := Report{Handovers: []Handover{foreign("a", 40), {Name: "b", From: "foreign2", To: "home", LinkUp: ms(0)}}, TCP: TCP{Bytes: 5, OK: true},
		PathStretch: &Stretch{TunnelRTT: *ms(9), DirectRTT: *ms(6), Ratio: 1.5}}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Handovers []map[string]any
		TCP       map[string]any
		Stretch   map[string]any `json:"path_stretch"`
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"name": "a", "from": "foreign1", "to": "foreign2", "link_up_ms": 0.0, "ra_ms": 4.13, "coa_ready_ms": 6.0,
		"bu_sent_ms": 7.5, "ba_received_ms": 12.0, "first_packet_ms": 20.0, "interruption_ms": 40.0, "lost": 3.0, "sent": 700.0}
	ro := map[string]any{"coti_ms": 7.6, "cot_ms": 9.0, "bu_ms": 12.5, "first_direct_packet_ms": 15.0, "interruption_ms": 45.0, "lost": 4.0, "sent": 701.0}
	if diff := cmp.Diff(ro, got.Handovers[0]["ro"]); diff != "" {
		t.Error(diff)
	}
	delete(got.Handovers[0], "ro")
	if diff := cmp.Diff(want, got.Handovers[0]); diff != "" {
		t.Error(diff)
	}
	if got.Stretch["tunnel_rtt_ms"] != 9.0 || got.Stretch["direct_rtt_ms"] != 6.0 || got.Stretch["ratio"] != 1.5 {
		t.Errorf("path_stretch is %v", got.Stretch)
	}
	if v, ok := got.Handovers[1]["ra_ms"]; !ok || v != nil {
		t.Errorf("an RA that was not seen is %v, want null", v)
	}
	if got.TCP["bytes"] != 5.0 || got.TCP["ok"] != true {
		t.Errorf("tcp is %v", got.TCP)
	}
}

func TestMedianCountsOnlyMovesBetweenForeignLinks(t *testing.T) {
	away := foreign("away", 2000)
	away.From = "home"
	r := Report{Handovers: []Handover{away, foreign("a", 30), foreign("b", 10), foreign("c", 20)}}
	if m, ok := r.MedianForeign(); !ok || m.Float() != 20 {
		t.Errorf("median %v, %v", m.Float(), ok)
	}
	if _, ok := (Report{Handovers: []Handover{away}}).MedianForeign(); ok {
		t.Error("a median of nothing")
	}
	if m, ok := r.MedianForeignRO(); !ok || m.Float() != 25 {
		t.Errorf("median with route optimisation %v, %v", m.Float(), ok)
	}
}

func TestIPsecIsComparedByMedians(t *testing.T) {
	move := func(from, to string, i float64) Handover { return Handover{From: from, To: to, Interruption: *ms(i)} }
	plain := Report{Handovers: []Handover{move("home", "foreign1", 1000), move("foreign1", "foreign2", 40), move("foreign2", "foreign1", 50), move("foreign1", "foreign2", 60)}}
	protected := Report{Handovers: []Handover{move("foreign1", "foreign2", 55), move("foreign2", "home", 5)}}
	if c := CompareIPsec(protected, plain); c == nil || *c != (IPsec{Moves: 1, Interruption: *ms(55), Plain: *ms(50), Ratio: 1.1}) {
		t.Errorf("%+v", c)
	}
	if c := CompareIPsec(Report{}, plain); c != nil {
		t.Errorf("without a move: %+v", c)
	}
}

func TestComplete(t *testing.T) {
	whole := func() Report { return Report{Handovers: []Handover{foreign("a", 1)}, TCP: TCP{OK: true}} }
	if m := whole().Complete(); m != "" {
		t.Errorf("a whole report lacks %q", m)
	}
	for name, spoil := range map[string]func(*Report){
		"no handover":     func(r *Report) { r.Handovers = nil },
		"broken TCP":      func(r *Report) { r.TCP.OK = false },
		"no first packet": func(r *Report) { r.Handovers[0].FirstPacket = nil },
		"no direct path":  func(r *Report) { r.Handovers[0].RO.FirstDirect = nil },
		"no BU":           func(r *Report) { r.Handovers[0].BUSent = nil },
		"no BA":           func(r *Report) { r.Handovers[0].BAReceived = nil },
	} {
		r := whole()
		spoil(&r)
		if r.Complete() == "" {
			t.Errorf("%s: called complete", name)
		}
	}
}

func page() Page {
	lost := foreign("2: <foreign1> → foreign2", 40)
	lost.FirstPacket = nil
	return Page{
		Report: Report{Handovers: []Handover{foreign("1: foreign1 → foreign2", 40), lost}, TCP: TCP{Bytes: 1_500_000, OK: true}},
		Moves: []Move{{CareOf: "2001:db8:f2::11", BUs: 1, Streams: []draw.Stream{
			{Name: "mn → cn", Probes: []draw.Probe{{At: -5 * time.Millisecond}, {At: 5 * time.Millisecond, Lost: true}, {At: 500 * time.Millisecond}}},
			{Name: "cn → mn", Probes: []draw.Probe{{At: 22 * time.Millisecond}}},
		}}, {BUs: 3, Leaked: 2}},
		Kernel: "6.1", Accel: "software emulation", RA: "30–70 ms",
	}
}

func TestHTMLShowsEveryHandover(t *testing.T) {
	var b bytes.Buffer
	if err := page().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	for _, want := range []string{"1: foreign1 → foreign2", "BU 7.5 ms", "1.50 MB", "2 packets of the home address left untunnelled", "<td>2</td>", "&lt;foreign1&gt;"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, foreign := range []string{"http://", "https://", "<script", "src="} {
		if strings.Contains(html, foreign) {
			t.Errorf("the page is not self-contained: it holds %q", foreign)
		}
	}
}

func TestSVGIsWellFormedAndDrawsWhatIsInSight(t *testing.T) {
	for i, r := range page().Rows() {
		text := string(r.timeline())
		d := xml.NewDecoder(strings.NewReader(text))
		circles := map[string]int{}
		for {
			tok, err := d.Token()
			if tok == nil {
				if err.Error() != "EOF" {
					t.Fatalf("handover %d: %v", i, err)
				}
				break
			}
			if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "circle" {
				circles[e.Attr[0].Value]++
			}
		}
		if i == 0 && (circles["ok"] != 2 || circles["lost"] != 1) {
			t.Errorf("dots drawn: %v, want 2 ok and 1 lost, the one at 500 ms being out of sight", circles)
		}
	}
}
