package mn

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// switching is a machine about to go from wwan0 to eth0, both of which work.
func switching(t *testing.T) *bed {
	t.Helper()
	b := started(t, defaultParams())
	b.step(up(wan))
	b.step(ra(wan, routerB, netB))
	b.wait(30 * time.Millisecond) // the home agent takes its time
	b.ack(mh.StatusAccepted)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	if p := b.path(); !p.Hold || p.CareOf != wanB || p.Ifindex != wan {
		t.Fatalf("path %+v, want that of wwan0, held", p)
	}
	return b
}

// What has left by the old care-of address is given the time to arrive before the
// home agent hears of the new one.
func TestPlannedSwitchDrainsBeforeTheUpdate(t *testing.T) {
	b := switching(t)
	b.wait(29 * time.Millisecond)
	if len(b.bus) != 1 {
		t.Error("Binding Update before the old path is empty")
	}
	b.wait(time.Millisecond)
	if len(b.bus) != 2 || b.lastBU().coa != coaA || !b.path().Hold {
		t.Errorf("%d Binding Updates, path %+v", len(b.bus), b.path())
	}
	b.ack(mh.StatusAccepted)
	if p := b.path(); p.Hold || p.CareOf != coaA || p.Ifindex != eth {
		t.Errorf("acknowledged: path %+v", p)
	}
}

// Packets wait for a bounded time, whatever becomes of the acknowledgement.
func TestPlannedSwitchWaitsNoLonger(t *testing.T) {
	b := switching(t)
	b.wait(30*time.Millisecond + maxHold - time.Millisecond)
	if !b.path().Hold {
		t.Error("let go too early")
	}
	b.wait(time.Millisecond)
	if p := b.path(); p.Hold || p.CareOf != coaA {
		t.Errorf("path %+v", p)
	}
	b.wait(2 * time.Second)
	if b.lastBU().coa != coaA || len(b.bus) != 3 {
		t.Errorf("%d Binding Updates: retransmission goes on", len(b.bus))
	}
}

// The old link goes in the middle of it.
func TestPlannedSwitchLosesItsOldLink(t *testing.T) {
	for _, after := range []time.Duration{10 * time.Millisecond, 40 * time.Millisecond} {
		b := switching(t)
		b.wait(after)
		b.step(down(wan))
		if p := b.path(); p.Hold || p.CareOf != coaA || b.lastBU().coa != coaA {
			t.Errorf("after %v: path %+v, Binding Update from %v", after, p, b.lastBU().coa)
		}
	}
}

// The new one goes: back to the old, which is still registered.
func TestPlannedSwitchLosesItsNewLink(t *testing.T) {
	b := switching(t)
	b.step(down(eth))
	if p := b.path(); p.Hold || p.CareOf != wanB || p.Mode != role.PathTunnelled {
		t.Errorf("path %+v", p)
	}
	b.wait(time.Second)
	if b.lastBU().coa != wanB {
		t.Errorf("registered at %v", b.lastBU().coa)
	}
}
