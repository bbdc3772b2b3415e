package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"mip6d/test/demo/measure"
	"mip6d/test/demo/report"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// patience is how long a move may take until it is given up.
const patience = 15 * time.Second

// settle is how long the streams run undisturbed before a move.
const settle = 500 * time.Millisecond

// Play performs the moves and returns what there is to report, also when it
// fails on the way.
func Play(ctx context.Context, o Options) (report.Report, []report.Move, error) {
	r := report.Report{Handovers: []report.Handover{}} // [] in JSON, not null
	var moves []report.Move
	s, err := setUp(ctx, o)
	if err != nil {
		return r, nil, err
	}
	fmt.Fprintln(o.Out, "mobile node at home; TCP transfer and echo streams run (times in ms after link-up)")
	fmt.Fprintln(o.Out)
	fmt.Fprintf(o.Out, "  %-24s %9s %9s %9s %9s %9s %9s %12s  %-10s %9s %9s %12s  %s\n", "move", "(no link)", "RA", "address", "BU", "BA", "first", "interruption", "lost/sent",
		"CoT", "direct", "interruption", "lost/sent")
	var seen []measure.Observation
	for i, to := range itinerary(o.Moves) {
		obs, moveErr := s.move(ctx, i+1, to, o)
		seen = append(seen, obs)
		if moveErr != nil {
			err = moveErr
			break
		}
	}
	bytes, tcpErr := s.transfer.Stop(10 * time.Second)
	r.TCP = report.TCP{Bytes: bytes, OK: tcpErr == nil}
	if tcpErr != nil {
		fmt.Fprintln(o.Out, tcpErr)
	}
	fromMN, fromCN := s.fromMN.Stop(500*time.Millisecond), s.fromCN.Stop(0)
	directMN, directCN := s.directMN.Stop(0), s.directCN.Stop(0)
	for _, obs := range seen { // again, now that all replies are in
		obs.Streams, obs.Direct = streams("", fromMN, fromCN), streams("direct ", directMN, directCN)
		if obs.To != topology.Home && r.PathStretch == nil {
			r.PathStretch = measure.Stretch(obs.Streams, obs.Direct, obs.End.Add(-time.Second), obs.End)
		}
		h, m := measure.Handover(obs)
		r.Handovers = append(r.Handovers, h)
		moves = append(moves, m)
	}
	return r, moves, errors.Join(err, tcpErr, s.keepCapture(o.Dir), s.close())
}

// itinerary is home → foreign1, some moves between the foreign links, home.
func itinerary(between int) []topology.Link {
	way := []topology.Link{topology.Foreign1}
	for i := range between {
		way = append(way, []topology.Link{topology.Foreign2, topology.Foreign1}[i%2])
	}
	return append(way, topology.Home)
}

// move moves the mobile node, tells the marks as they come, and lets some time
// pass for the figures.
func (s *scene) move(ctx context.Context, number int, to topology.Link, o Options) (measure.Observation, error) {
	// What measuring the last move has cost must not count for this one.
	runtime.GC()
	time.Sleep(settle)
	obs := measure.Observation{From: s.topo.At(), To: to, LinkDown: time.Now()}
	obs.Name = fmt.Sprintf("%d: %s → %s", number, obs.From, to)
	var err error
	if obs.LinkUp, err = s.topo.Move(to); err != nil {
		return obs, err
	}
	fmt.Fprintf(o.Out, "  %-24s", obs.Name)
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	failed := answeredSince(limited, obs.LinkUp, s.fromMN, s.fromCN)
	if failed == nil && !o.IPsec { // the acknowledgement may come after the first packet
		soon, cancel := context.WithTimeout(ctx, time.Second)
		_, _ = s.wire.Wait(soon, obs.LinkUp, capture.MH(capture.MHBindingAcknowledgement))
		cancel()
	}
	h, m := s.observe(&obs, time.Now())
	fmt.Fprintf(o.Out, " %9s %9s %9s %9s %9s %9s", text(&m.Down), text(h.RA), text(h.CoAReady), text(h.BUSent), text(h.BAReceived), text(h.FirstPacket))
	select { // let the streams' replies and a retransmission, if there is one, be seen
	case <-time.After(o.Dwell):
	case <-ctx.Done():
		return obs, ctx.Err()
	}
	// What was sent just now has had no time to be answered.
	h, m = s.observe(&obs, time.Now().Add(-100*time.Millisecond))
	fmt.Fprintf(o.Out, " %12s  %-10s", text(&h.Interruption), fmt.Sprintf("%d/%d", h.Lost, h.Sent))
	fmt.Fprintf(o.Out, " %9s %9s %12s  %d/%d", text(h.RO.CoT), text(h.RO.FirstDirect), text(&h.RO.Interruption), h.RO.Lost, h.RO.Sent)
	if m.BUs > 1 {
		fmt.Fprintf(o.Out, "  (%d Binding Updates)", m.BUs)
	}
	if m.Leaked > 0 {
		fmt.Fprintf(o.Out, "  (%d packets untunnelled!)", m.Leaked)
	}
	fmt.Fprintln(o.Out)
	if failed != nil {
		return obs, fmt.Errorf("%s: %w within %v", obs.Name, failed, patience)
	}
	return obs, nil
}

// observe completes an observation up to a moment.
func (s *scene) observe(obs *measure.Observation, end time.Time) (report.Handover, report.Move) {
	obs.End = end
	obs.Wire = s.wire.Select(obs.LinkUp, func(capture.Packet) bool { return true })
	obs.Addresses = s.news.all()
	obs.Streams = streams("", s.fromMN.Probes(), s.fromCN.Probes())
	obs.Direct = streams("direct ", s.directMN.Probes(), s.directCN.Probes())
	return measure.Handover(*obs)
}

func text(m *report.Ms) string {
	if m == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", m.Float())
}

func streams(kind string, fromMN, fromCN []traffic.Probe) []measure.Stream {
	return []measure.Stream{{Name: kind + "mn → cn → mn", Probes: fromMN}, {Name: kind + "cn → mn → cn", Probes: fromCN}}
}

func (s *scene) keepCapture(dir string) error {
	f, err := os.Create(filepath.Join(dir, "mn-eth0.pcap"))
	if err != nil {
		return err
	}
	return errors.Join(s.wire.WritePcap(f), f.Close())
}
