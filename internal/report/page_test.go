package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// wandering is a mobile node's hour: 24 handovers between three links and home, one of which does not end, and one is
// planned.
func wandering() []ctl.Event {
	var j journal
	careOf := []netip.Addr{coaA, coaB, netip.MustParseAddr("2001:db8:f3::100")}
	j.registers(60_000, 1, careOf[0])
	for i := 1; i <= 20; i++ {
		ms := 60_000 + i*140_000
		j.down(ms, 1)
		j.registers(ms+30+i*i*4, 1, careOf[i%3])
		if i%2 == 0 {
			j.tell(ms+80+i*i*4, role.Notice{Kind: role.NoticeDirect, HoA: hoa, CoA: careOf[i%3], Peer: peer})
		}
	}
	j.down(3_000_000, 1)
	j.tell(3_000_100, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 1})
	for i := range 3 {
		j.tell(3_000_200+i*1000, role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: coaA, HA: agent, Ifindex: 1, Lifetime: time.Minute})
	}
	j.tell(3_003_000, role.Notice{Kind: role.NoticeAckReceived, HoA: hoa, CoA: coaA, HA: agent, Ifindex: 1, Status: mh.StatusAdministrativelyProhibited, HasStatus: true})
	j.down(3_200_000, 1)
	j.tell(3_200_040, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 1})
	j.tell(3_200_050, role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: hoa, HA: agent, Ifindex: 1})
	j.tell(3_200_065, role.Notice{Kind: role.NoticeAtHome, HoA: hoa, Ifindex: 1})
	j.down(3_300_000, 1)
	j.registers(3_300_100, 1, coaA)
	j.tell(3_400_000, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 2})
	j.tell(3_400_020, role.Notice{Kind: role.NoticeCareOfReady, CoA: coaB, Ifindex: 2})
	j.binds(3_400_030, 2, coaB)
	return j.events
}

// serving is a home agent's hour with as many mobile nodes.
func serving(nodes int) (events []ctl.Event) {
	home := hoa
	for n := range nodes {
		for i := range 6 {
			kind := role.NoticeBindingMoved
			if i == 0 {
				kind = role.NoticeBindingCreated
			}
			coa := netip.MustParseAddr(fmt.Sprintf("2001:db8:f%d::%x", (n+i)%7, n+1))
			events = append(events, ctl.NewEvent(at(n*1000+i*600_000), role.Notice{Kind: kind, HoA: home, CoA: coa, HA: agent, Ifindex: 1,
				Took: time.Duration(n%5+1)*700*time.Microsecond + time.Duration(1-min(i, 1))*time.Second, HasStatus: true}, nil))
		}
		home = home.Next()
	}
	return events
}

func pageOf(roleName string, events []ctl.Event) Page {
	return Page{
		Host: "<host>", Status: ctl.Status{Version: "1.2.3", Roles: []string{roleName}}, Since: noon, Until: noon.Add(time.Hour),
		Past: ctl.Events{Since: noon.Add(-time.Hour), Events: events},
	}
}

func html(t *testing.T, p Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// elements counts the elements of a page's pictures by name and class, and checks that each is well-formed.
func elements(t *testing.T, page string) map[string]int {
	t.Helper()
	counts := make(map[string]int)
	for _, svg := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1) {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%v in\n%s", err, svg)
			}
			e, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			name := e.Name.Local
			for _, a := range e.Attr {
				if a.Name.Local == "class" {
					name += "." + a.Value
				}
			}
			counts[name]++
		}
	}
	return counts
}

func want(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(page, w) {
			t.Errorf("the page lacks %q", w)
		}
	}
}

func TestPageOfAMobileNode(t *testing.T) {
	page := html(t, pageOf("mobile_node", wandering()))
	want(t, page, "&lt;host&gt;", "<b>25</b>handovers", "<b>1</b>without an interruption", `<b class="bad">1</b>did not end`,
		`<b class="bad">1</b>refusals`, "did not end: administratively prohibited", "3 Binding Updates", "<td>2001:db8:f2::100</td>", "first direct path")
	counts := elements(t, page)
	for name, n := range map[string]int{
		"svg": 2 + 25, "rect.home": 1, "line.mark moved": 24, "line.mark failed": 1, "rect.outage": 23, "line.mark direct": 10,
	} {
		if counts[name] != n {
			t.Errorf("%d %s are drawn, want %d", counts[name], name, n)
		}
	}
	if counts["rect.bar"] < 4 {
		t.Errorf("%d bars in the distribution", counts["rect.bar"])
	}
}

func TestPageOfAHomeAgent(t *testing.T) {
	page := html(t, pageOf("home_agent", serving(600)))
	want(t, page, "<b>3600</b>handovers", "<b>2.1 ms</b>median from a Binding Update", "The latest 60 of 3600", "100 mobile nodes with fewer", "560 mobile nodes with fewer",
		"in force 2.8 ms after")
	if strings.Contains(page, "median interruption") {
		t.Error("a home agent tells of interruptions")
	}
	if n := elements(t, page)["svg"]; n != 2+maxPictures {
		t.Errorf("%d pictures", n)
	}
}

// TestPageStandsAlone: it refers to nothing, and what a daemon says can't get out of its place.
func TestPageStandsAlone(t *testing.T) {
	p := pageOf("mobile_node", wandering())
	p.Past.Since = noon.Add(time.Minute)
	evil := `"><script>alert(1)</script>`
	p.Status.Problems = []ctl.Problem{{Text: evil}}
	for i := range p.Past.Events {
		p.Past.Events[i].Interface = evil
		if p.Past.Events[i].StatusText != "" {
			p.Past.Events[i].StatusText = evil
		}
	}
	page := html(t, p)
	want(t, page, "Nothing is remembered of before")
	elements(t, page)
	for _, bad := range []string{"http://", "https://", "<script", "src=", "href=", "url(", "@import"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	want(t, html(t, pageOf("correspondent_node", nil)), "Nothing has moved", "<b>0</b>handovers")
}

func TestPercentiles(t *testing.T) {
	var d Distribution
	if _, ok := d.At(50); ok {
		t.Error("a median of nothing")
	}
	for i := range 100 {
		d.All = append(d.All, time.Duration(100-i)*time.Millisecond)
	}
	for percent, want := range map[int]time.Duration{1: 1, 50: 50, 95: 95, 100: 100} {
		if got, _ := d.At(percent); got != want*time.Millisecond {
			t.Errorf("%d %%: %v", percent, got)
		}
	}
	bars := Distribution{All: []time.Duration{0, 1, 10 * time.Millisecond, 10*time.Millisecond + 1, time.Hour}}.bars()
	if bars[0] != 1 || bars[1] != 2 || bars[2] != 1 || bars[len(bars)-1] != 1 {
		t.Errorf("bars %v", bars)
	}
}

// TestAxes: few round moments for any period.
func TestAxes(t *testing.T) {
	for _, to := range []float64{20, 70, 150, 1200, 9000} {
		got := ticks(-10*time.Millisecond, time.Duration(to*1e6))
		if len(got) < 3 || len(got) > 11 || got[0] != 0 {
			t.Errorf("ticks up to %g: %v", to, got)
		}
	}
	for _, period := range []time.Duration{time.Second, 20 * time.Second, 7 * time.Minute, time.Hour, 26 * time.Hour, 100 * 24 * time.Hour} {
		if got := moments(noon, noon.Add(period)); len(got) < 1 || len(got) > 9 {
			t.Errorf("%v: %d moments", period, len(got))
		}
	}
}
