// Package measure turns what was observed of a handover (packets on the mobile
// node's interface, the kernel's address news, echo streams) into the figures
// of the report. It is a pure function of its observation.
package measure

import (
	"net/netip"
	"slices"
	"time"

	draw "mip6d/internal/report"
	"mip6d/test/demo/report"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// Observation is what was seen of one handover. All times are of one clock.
type Observation struct {
	Name     string
	From, To topology.Link
	LinkDown time.Time // just before the carrier was taken away
	LinkUp   time.Time // just before it came back, elsewhere
	End      time.Time // of the time that belongs to this handover

	Wire      []capture.Packet // of the mobile node's interface
	Addresses []AddressNews
	Streams   []Stream // by the home agent
	Direct    []Stream // whose path is optimised
}

// AddressNews says that an address of the mobile node's interface became usable.
type AddressNews struct {
	Time time.Time
	Addr netip.Addr
}

// Stream is an echo stream's probes.
type Stream struct {
	Name   string
	Probes []traffic.Probe
}

// before is how much of the streams before the link went down is kept for the
// picture and counted as sent.
const before = 500 * time.Millisecond

// Handover computes the report's figures.
func Handover(o Observation) (report.Handover, report.Move) {
	h := report.Handover{Name: o.Name, From: string(o.From), To: string(o.To), LinkUp: new(report.Ms)}
	move := report.Move{Down: report.Ms(o.LinkUp.Sub(o.LinkDown))}
	var source netip.Addr
	for _, p := range o.Wire {
		if p.Time.Before(o.LinkUp) || !p.Time.Before(o.End) || p.IP == nil {
			continue
		}
		mh, isMH := p.IP.MHType()
		icmp, isICMP := p.IP.ICMPType()
		switch {
		case isICMP && icmp == capture.ICMPRouterAdvertisement && !p.Out:
			o.first(&h.RA, p.Time)
		case isMH && mh == capture.MHBindingUpdate && p.Out && p.IP.Dst == topology.HAAddr:
			if move.BUs++; move.BUs == 1 {
				source = p.IP.Src
			}
			o.first(&h.BUSent, p.Time)
		case isMH && mh == capture.MHBindingAcknowledgement && !p.Out && p.IP.Src == topology.HAAddr:
			o.first(&h.BAReceived, p.Time)
		case o.To != topology.Home && capture.Untunnelled(topology.HoA)(p) && p.Out:
			move.Leaked++
		}
	}
	if source.IsValid() {
		move.CareOf = source.String()
	}
	for _, a := range o.Addresses {
		if a.Addr == source && !a.Time.Before(o.LinkUp) && a.Time.Before(o.End) {
			o.first(&h.CoAReady, a.Time)
		}
	}
	for _, s := range o.Streams {
		g := traffic.Measure(s.Probes, o.LinkDown.Add(-before), o.End, o.LinkUp)
		h.Sent += g.Sent
		h.Lost += g.Lost
		h.Interruption = max(h.Interruption, report.Ms(g.Largest))
		if !g.FirstReply.IsZero() && g.FirstReply.Before(o.End) {
			o.earliest(&h.FirstPacket, g.FirstReply)
		}
		move.Streams = append(move.Streams, draw.Stream{Name: s.Name, Probes: o.probes(s.Probes)})
	}
	h.RO = o.optimised()
	for _, s := range o.Direct {
		move.Streams = append(move.Streams, draw.Stream{Name: s.Name, Probes: o.probes(s.Probes)})
	}
	return h, move
}

// optimised computes the figures of the streams whose path is optimised; nil
// when there are none.
func (o Observation) optimised() *report.RO {
	if len(o.Direct) == 0 {
		return nil
	}
	r := new(report.RO)
	for _, p := range o.Wire {
		if p.Time.Before(o.LinkUp) || !p.Time.Before(o.End) || p.IP == nil {
			continue
		}
		mh, isMH := p.IP.MHType()
		switch {
		case isMH && mh == capture.MHCareOfTestInit && p.Out:
			o.first(&r.CoTI, p.Time)
		case isMH && mh == capture.MHCareOfTest && !p.Out:
			o.first(&r.CoT, p.Time)
		case isMH && mh == capture.MHBindingUpdate && p.Out && p.IP.Dst == topology.CNDirectAddr:
			o.first(&r.BU, p.Time)
		case !isMH && (p.IP.HomeAddress == topology.HoA || p.IP.RoutingHome == topology.HoA):
			o.first(&r.FirstDirect, p.Time)
		}
	}
	for _, s := range o.Direct {
		g := traffic.Measure(s.Probes, o.LinkDown.Add(-before), o.End, o.LinkUp)
		r.Sent += g.Sent
		r.Lost += g.Lost
		r.Interruption = max(r.Interruption, report.Ms(g.Largest))
	}
	return r
}

// Stretch compares the round trips of the streams by the home agent with those
// of the direct ones, of requests sent in a quiet time on a foreign link; nil
// when there are none of either.
func Stretch(tunnel, direct []Stream, from, to time.Time) *report.Stretch {
	t, d := medianRTT(tunnel, from, to), medianRTT(direct, from, to)
	if t == 0 || d == 0 {
		return nil
	}
	return &report.Stretch{TunnelRTT: report.Ms(t), DirectRTT: report.Ms(d), Ratio: float64(t) / float64(d)}
}

func medianRTT(streams []Stream, from, to time.Time) time.Duration {
	var all []time.Duration
	for _, s := range streams {
		for _, p := range s.Probes {
			if !p.Replied.IsZero() && !p.Sent.Before(from) && p.Sent.Before(to) {
				all = append(all, p.Replied.Sub(p.Sent))
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// first keeps the first moment.
func (o Observation) first(m **report.Ms, t time.Time) {
	if *m == nil {
		v := report.Ms(t.Sub(o.LinkUp))
		*m = &v
	}
}

// earliest keeps the earlier of two.
func (o Observation) earliest(m **report.Ms, t time.Time) {
	if v := report.Ms(t.Sub(o.LinkUp)); *m == nil || v < **m {
		*m = &v
	}
}

func (o Observation) probes(all []traffic.Probe) []draw.Probe {
	var out []draw.Probe
	for _, p := range all {
		if p.Sent.Before(o.LinkDown.Add(-before)) || !p.Sent.Before(o.End) {
			continue
		}
		out = append(out, draw.Probe{At: p.Sent.Sub(o.LinkUp), Lost: p.Replied.IsZero()})
	}
	return out
}
