package homelink

import (
	"encoding/binary"
	"iter"
	"maps"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// BenchmarkRenumbering tells 10,000 mobile nodes away from home of a change, spread
// over a minute: from the change to the last first advertisement.
func BenchmarkRenumbering(b *testing.B) {
	const nodes = 10000
	bound := make(map[netip.Addr]role.Binding, nodes)
	for i := range uint32(nodes) {
		a := prefix.Addr().As16()
		binary.BigEndian.PutUint32(a[12:], 1000+i)
		x := role.Binding{HomeAddress: netip.AddrFrom16(a), CareOf: careOf, HomeAgent: self, Ifindex: homeLink, Expires: t0.Add(1000 * time.Hour)}
		bound[x.HomeAddress] = x
	}
	params := func(valid time.Duration) Params {
		p := Params{Links: []Link{homeLinkDefault()}, Deliveries: &Deliveries{MinInterval: time.Second, MaxInterval: time.Minute}}
		p.Links[0].Advertise = nil
		p.Links[0].Prefixes[0].Valid = valid
		p.Binding = func(home netip.Addr) (role.Binding, bool) { x, ok := bound[home]; return x, ok }
		p.Bindings = func() iter.Seq[role.Binding] { return maps.Values(bound) }
		return p
	}
	m := New(params(time.Hour), seeded(1))
	now := t0
	m.Step(now, role.Start{})
	var longest time.Duration
	most, sent := 0, 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Step(now, Reconfigured{Params: params(time.Hour + time.Duration(i+1)*time.Second)})
		for end := now.Add(2 * time.Minute); ; {
			d := m.Deadline()
			if d.IsZero() || d.After(end) {
				now = end
				break
			}
			now = d.Add(time.Millisecond) // as the engine's timer
			begin := time.Now()
			out := m.Step(now, role.Tick{})
			longest = max(longest, time.Since(begin))
			n := 0
			for _, e := range out {
				if _, ok := e.(role.SendICMP); ok {
					n++
				}
			}
			most, sent = max(most, n), sent+n
		}
	}
	b.ReportMetric(float64(longest.Microseconds()), "µs/longest-step")
	b.ReportMetric(float64(most), "messages/largest-step")
	b.ReportMetric(float64(sent)/float64(b.N), "messages/op")
}
