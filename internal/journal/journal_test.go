package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	hoa  = netip.MustParseAddr("2001:db8:1::100")
	coa  = netip.MustParseAddr("2001:db8:f1::5")
	ha   = netip.MustParseAddr("2001:db8:1::1")
	cn   = netip.MustParseAddr("2001:db8:c::1")
)

func raw(t testing.TB, m mh.Message, from, to netip.Addr) []byte {
	t.Helper()
	b, err := mh.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	mh.SetChecksum(b, from, to)
	return b
}

func update(t testing.TB, sequence uint16) role.MessageIn {
	bu := &mh.BindingUpdate{Sequence: sequence, Ack: true, Home: true, Lifetime: 420 * time.Second}
	return role.MessageIn{Src: coa, Dst: ha, HomeAddress: hoa, Raw: raw(t, bu, hoa, ha)}
}

// lines renders a story as mip6ctl would, more or less.
func lines(s ctl.Trace) string {
	var b strings.Builder
	for _, x := range s.Steps {
		fmt.Fprintf(&b, "+%.3f %s %s: %s", x.SincePrevious.Duration().Seconds(), x.Kind, x.What, x.Text)
		if x.Retransmits > 0 {
			fmt.Fprintf(&b, " (again: %d)", x.Retransmits)
		}
		if x.Took > 0 {
			fmt.Fprintf(&b, " [%v]", x.Took.Duration())
		}
		if x.Error != "" {
			fmt.Fprintf(&b, " ERROR %s", x.Error)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestStoryOfARegistration at a home agent: a Binding Update that is repeated, what the
// kernel and the store were asked for, the answer; of nobody else's.
func TestStoryOfARegistration(t *testing.T) {
	j := New(100, noon)
	at := noon
	next := func() time.Time { at = at.Add(10 * time.Millisecond); return at }
	j.Heard(next(), update(t, 7))
	other := update(t, 7)
	other.HomeAddress, other.Src = cn, netip.MustParseAddr("2001:db8:f9::9")
	j.Heard(next(), other)
	j.Did(next(), role.StartDAD{Ifindex: 3, Addr: hoa}, 0, nil)
	j.Heard(next(), update(t, 8))
	j.Heard(next(), role.DADDone{Ifindex: 3, Addr: hoa})
	b := role.Binding{HomeAddress: hoa, CareOf: coa, Lifetime: 420 * time.Second}
	j.Did(next(), role.SetBinding{Binding: b}, 2*time.Millisecond, errors.New("no buffer space available"))
	j.Did(next(), role.SetBinding{Binding: b}, 2*time.Millisecond, nil)
	j.Did(next(), role.StoreRegistration{Registration: role.Registration{HomeAddress: hoa, Bound: true, Binding: b, Sequence: 8}}, time.Millisecond, nil)
	ba := &mh.BindingAcknowledgement{Sequence: 8, Lifetime: 420 * time.Second}
	j.Did(next(), role.Send{Src: ha, Dst: coa, RoutingHome: hoa, Raw: raw(t, ba, ha, hoa)}, 0, nil)
	j.Did(next(), role.Notice{Kind: role.NoticeBindingCreated, HoA: hoa, CoA: coa, Text: "binding created"}, 0, nil)
	j.Heard(next(), update(t, 9))
	want := `+0.000 received Binding Update: seq 7, AH, lifetime 7m0s
+0.020 detection duplicate address detection: begins for 2001:db8:1::100
+0.010 received Binding Update: seq 8, AH, lifetime 7m0s (again: 1)
+0.010 detection duplicate address detection: 2001:db8:1::100 is free
+0.010 kernel set binding: tunnel to 2001:db8:f1::5, for 7m0s [2ms] ERROR no buffer space available
+0.010 kernel set binding: tunnel to 2001:db8:f1::5, for 7m0s [2ms]
+0.010 store store registration: at 2001:db8:f1::5, seq 8 [1ms]
+0.010 sent Binding Acknowledgement: status 0 (Binding Update accepted), seq 8, lifetime 7m0s
+0.010 event binding_created: binding created
+0.010 received Binding Update: seq 9, AH, lifetime 7m0s
`
	if got := lines(j.Story(ctl.TraceFilter{HomeAddress: hoa})); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	late := j.Story(ctl.TraceFilter{HomeAddress: hoa, Since: at})
	if len(late.Steps) != 1 || late.Steps[0].Message == nil || !strings.Contains(string(late.Steps[0].Message), `"sequence":9`) {
		t.Errorf("since the last: %+v", late)
	}
}

// TestStoryOfReturnRoutability: a Care-of Test and its Init belong to the mobile node
// whose care-of address they have, and nobody learns the tokens.
func TestStoryOfReturnRoutability(t *testing.T) {
	j := New(100, noon)
	token := [8]byte{0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef}
	cookie := [8]byte{0xc0, 0xff, 0xee, 0xc0, 0xff, 0xee, 0xc0, 0xff}
	j.Did(noon, role.Send{Src: hoa, Dst: cn, Raw: raw(t, &mh.HomeTestInit{Cookie: cookie}, hoa, cn)}, 0, nil)
	j.Did(noon, role.Send{Src: coa, Dst: cn, Raw: raw(t, &mh.CareOfTestInit{Cookie: cookie}, coa, cn)}, 0, nil)
	j.Did(noon, role.Send{Src: coa, Dst: cn, Raw: raw(t, &mh.CareOfTestInit{Cookie: cookie}, coa, cn)}, 0, nil)
	j.Heard(noon, role.MessageIn{Src: cn, Dst: coa, Raw: raw(t, &mh.CareOfTest{NonceIndex: 5, Cookie: cookie, Token: token}, cn, coa)})
	j.Heard(noon, role.MessageIn{Src: cn, Dst: hoa, Tunnelled: true, Raw: raw(t, &mh.HomeTest{NonceIndex: 5, Cookie: cookie, Token: token}, cn, hoa)})
	j.Did(noon, role.SetHomePath{Path: role.HomePath{HomeAddress: netip.PrefixFrom(hoa, 64), Mode: role.PathTunnelled, CareOf: coa, HomeAgent: ha}}, 0, nil)
	story := j.Story(ctl.TraceFilter{HomeAddress: hoa})
	want := `+0.000 sent Home Test Init: 
+0.000 sent Care-of Test Init: 
+0.000 sent Care-of Test Init:  (again: 1)
+0.000 received Care-of Test: nonce 5
+0.000 received Home Test: nonce 5
+0.000 kernel set path: tunnelled from 2001:db8:f1::5 to 2001:db8:1::1
`
	if got := lines(story); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, s := range story.Steps {
		if text := string(s.Message); strings.Contains(text, "dead") || strings.Contains(text, "c0ff") {
			t.Errorf("a secret is told: %s", text)
		}
		if s.Kind != ctl.StepKernel && !strings.Contains(string(s.Message), "mh_type_name") {
			t.Errorf("%s is not decoded: %s", s.What, s.Message)
		}
	}
}

// TestMalformed: what can't be parsed is part of the story, too.
func TestMalformed(t *testing.T) {
	j := New(100, noon)
	m := update(t, 1)
	m.Raw = m.Raw[:6]
	j.Heard(noon, m)
	m = update(t, 1)
	m.Raw[5] ^= 1
	j.Heard(noon, m)
	steps := j.Story(ctl.TraceFilter{HomeAddress: hoa}).Steps
	if len(steps) != 2 || !steps[0].Warn || !steps[1].Warn || !strings.Contains(steps[1].Text, "wrong checksum") {
		t.Errorf("%+v", steps)
	}
}

// TestBounded: no more entries than wanted, and no more octets than 256 for each; what was
// forgotten is told.
func TestBounded(t *testing.T) {
	j := New(4, noon)
	for i := range 10 {
		j.Heard(noon.Add(time.Duration(i)*time.Second), update(t, uint16(i)))
	}
	story := j.Story(ctl.TraceFilter{HomeAddress: hoa})
	if len(story.Steps) != 4 || !strings.Contains(story.Steps[0].Text, "seq 6,") || !story.Since.Equal(noon.Add(5*time.Second)) {
		t.Errorf("%s since %v", lines(story), story.Since)
	}
	long := update(t, 100)
	long.Raw = append(long.Raw, make([]byte, 900)...)
	j.Heard(noon.Add(time.Minute), long)
	if story := j.Story(ctl.TraceFilter{HomeAddress: hoa}); len(story.Steps) != 1 || j.size > 4*octets {
		t.Errorf("%d steps and %d octets are left", len(story.Steps), j.size)
	}
	j.Heard(noon.Add(time.Minute), update(t, 101))
	if story := j.Story(ctl.TraceFilter{HomeAddress: hoa}); len(story.Steps) < 1 || !strings.Contains(story.Steps[len(story.Steps)-1].Text, "seq 101,") {
		t.Errorf("the latest is lost: %s", lines(story))
	}
	none := New(0, noon)
	none.Heard(noon, update(t, 1))
	if story := none.Story(ctl.TraceFilter{HomeAddress: hoa}); len(story.Steps) != 0 {
		t.Error("kept although nothing was wanted")
	}
}

// BenchmarkKeep is what the journal costs for each message.
func BenchmarkKeep(b *testing.B) {
	j := New(8192, noon)
	var ev role.Event = update(b, 1)
	b.ReportAllocs()
	for b.Loop() {
		j.Heard(noon, ev)
	}
}

// FuzzMessage tells a story of whatever octets came: it never fails, and what it says of
// tests of return routability has none of their tokens in it.
func FuzzMessage(f *testing.F) {
	token := [8]byte{0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef}
	f.Add(raw(f, &mh.HomeTest{NonceIndex: 1, Token: token}, cn, hoa))
	f.Add(raw(f, &mh.CareOfTest{NonceIndex: 1, Token: token}, cn, hoa))
	f.Add(update(f, 1).Raw)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, octets []byte) {
		j := New(10, noon)
		j.Heard(noon, role.MessageIn{Src: cn, Dst: hoa, Raw: octets})
		for _, s := range j.Story(ctl.TraceFilter{HomeAddress: hoa}).Steps {
			var fields map[string]any
			if len(s.Message) > 0 && json.Unmarshal(s.Message, &fields) != nil {
				t.Errorf("no JSON: %s", s.Message)
			}
			for name := range fields {
				if strings.Contains(name, "token") || strings.Contains(name, "cookie") {
					t.Errorf("%s is told: %s", name, s.Message)
				}
			}
		}
	})
}
