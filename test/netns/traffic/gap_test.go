package traffic

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Unix(1_700_000_000, 0)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

// stream sends every 10 ms from 0 to end; requests sent in a lost interval get
// no reply, others one after 2 ms.
func stream(end int, lost ...[2]int) []Probe {
	var ps []Probe
	for ms := 0; ms < end; ms += 10 {
		p := Probe{Sent: at(ms), Replied: at(ms + 2)}
		for _, l := range lost {
			if ms >= l[0] && ms < l[1] {
				p.Replied = time.Time{}
			}
		}
		ps = append(ps, p)
	}
	return ps
}

func TestMeasure(t *testing.T) {
	for _, tt := range []struct {
		name            string
		probes          []Probe
		from, to, first int
		want            Gap
	}{
		{"no loss", stream(300), 100, 200, 150,
			Gap{Sent: 10, Largest: 10 * time.Millisecond, From: at(92), To: at(102), FirstReply: at(152)}},
		{"a handover", stream(300, [2]int{120, 170}), 100, 200, 130,
			Gap{Sent: 10, Lost: 5, Largest: 60 * time.Millisecond, From: at(112), To: at(172), FirstReply: at(172)}},
		{"gap over the window's edges", stream(300, [2]int{80, 250}), 100, 200, 130,
			Gap{Sent: 10, Lost: 10, Largest: 180 * time.Millisecond, From: at(72), To: at(252), FirstReply: at(252)}},
		{"another gap outside", stream(500, [2]int{120, 150}, [2]int{300, 400}), 100, 200, 130,
			Gap{Sent: 10, Lost: 3, Largest: 40 * time.Millisecond, From: at(112), To: at(152), FirstReply: at(152)}},
		{"never again", stream(300, [2]int{120, 300}), 100, 200, 130,
			Gap{Sent: 10, Lost: 8, Largest: 88 * time.Millisecond, From: at(112)}},
		{"no reply at all", stream(300, [2]int{0, 300}), 100, 200, 130,
			Gap{Sent: 10, Lost: 10, Largest: 100 * time.Millisecond, From: at(100)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Measure(tt.probes, at(tt.from), at(tt.to), at(tt.first))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
