package netns

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/ctl"
	"mip6d/test/netns/load"
)

// ledger is what mobile nodes have said to a home agent, and what it has promised them.
type ledger struct {
	g     *load.Generator
	sent  map[update]netip.Addr // where each update says the mobile node is
	acked map[netip.Addr]uint16
}

type update struct {
	home     netip.Addr
	sequence uint16
}

// newLedger begins with nodes mobile nodes that have registered.
func newLedger(t testing.TB, g *load.Generator, nodes int) ledger {
	t.Helper()
	l := ledger{g, make(map[update]netip.Addr), make(map[netip.Addr]uint16)}
	if err := g.Round(0, nodes, nodes, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		l.said(0, i)
		l.acked[load.HomeAddress(i)] = g.Sequence(i)
	}
	return l
}

// send sends mobile node i's Binding Update of a round.
func (l ledger) send(round, i int) error {
	if err := l.g.Send(round, i); err != nil {
		return err
	}
	l.said(round, i)
	return nil
}

func (l ledger) said(round, i int) {
	l.sent[update{load.HomeAddress(i), l.g.Sequence(i)}] = load.CareOf(round, i)
}

// wrong says why a binding is not what was promised, or something later that the mobile node has
// said; "": it is.
func (l ledger) wrong(b ctl.Binding) string {
	last := l.acked[b.HomeAddress]
	if b.Sequence != last && !bul.Later(b.Sequence, last) {
		return fmt.Sprintf("%s has sequence number %d, and %d was acknowledged", b.HomeAddress, b.Sequence, last)
	}
	if want := l.sent[update{b.HomeAddress, b.Sequence}]; b.CareOf != want {
		return fmt.Sprintf("%s is at %s by its Binding Update %d, which said %s", b.HomeAddress, b.CareOf, b.Sequence, want)
	}
	return ""
}
