package mn

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

func TestNothingHappensBeforeStart(t *testing.T) {
	b := newBed(t, defaultParams())
	for _, ev := range []role.Event{up(eth), ra(eth, routerA, netA), role.Tick{}} {
		expect(t, "before Start", b.step(ev))
	}
	if d := b.m.Deadline(); !d.IsZero() {
		t.Errorf("deadline %v before Start", d)
	}
	expect(t, "Start", b.step(role.Start{}), "path blocked", addA, tunnelA, buA)
}

func TestStopLeavesEverythingInForce(t *testing.T) {
	b := awayAt(t, defaultParams())
	expect(t, "Stop", b.step(role.Stop{}))
	expect(t, "afterwards", b.step(down(eth)))
	if d := b.m.Deadline(); !d.IsZero() {
		t.Errorf("deadline %v after Stop", d)
	}
}

// Requirements: 6275-11.7.1-12
func TestReleaseOnStop(t *testing.T) {
	p := defaultParams()
	p.ReleaseOnStop = true
	t.Run("away", func(t *testing.T) {
		b := awayAt(t, p)
		b.wait(2 * time.Second)
		expect(t, "Stop", b.step(role.Stop{}),
			"BU lifetime 0s from 2001:db8:a:0:a8:bbff:fecc:ddee home 2001:db8:1::100", "path none", removeA)
	})
	t.Run("at home", func(t *testing.T) {
		expect(t, "Stop: the home address is an ordinary one", homeAt(t, p).step(role.Stop{}))
	})
	t.Run("nowhere", func(t *testing.T) {
		expect(t, "Stop", started(t, p).step(role.Stop{}), "path none")
	})
	t.Run("not started", func(t *testing.T) {
		expect(t, "Stop", newBed(t, p).step(role.Stop{}))
	})
}

// The same events give the same effects.
func TestDeterminism(t *testing.T) {
	run := func() [][]byte {
		b := awayAt(t, authParams())
		b.wait(3 * time.Second)
		b.move(ra(eth, routerB, netB))
		b.wait(10 * time.Second)
		b.step(role.DADFailed{Ifindex: eth, Addr: coaB})
		b.wait(10 * time.Second)
		b.move(homeRA(eth))
		b.wait(10 * time.Second)
		var raw [][]byte
		for _, s := range b.bus {
			raw = append(raw, s.send.Raw)
		}
		return raw
	}
	first, second := run(), run()
	if len(first) < 5 || len(first) != len(second) {
		t.Fatalf("%d and %d Binding Updates", len(first), len(second))
	}
	for i := range first {
		if !bytes.Equal(first[i], second[i]) {
			t.Errorf("Binding Update %d differs: %x, %x", i, first[i], second[i])
		}
	}
}

// Requirements: 6275-11.7.2-12
func TestSequenceStartsAtRandom(t *testing.T) {
	a := New(defaultParams(), bytes.NewReader([]byte{0x12, 0x34}))
	if got := a.Bindings(t0)[0].Sequence; got != 0x1234 {
		t.Errorf("sequence %#x, want what the source of randomness gave", got)
	}
}

func TestSnapshotOfAHandover(t *testing.T) {
	b := awayAt(t, defaultParams())
	b.wait(20 * time.Second)
	v := b.m.Bindings(b.now)[0]
	want := BindingView{HomeAddress: hoa, HomeAgent: ha, CareOf: coaA, Ifindex: eth, Interface: "eth0",
		State: "away", Mode: role.PathTunnelled, Registered: true, Bound: coaA, Sequence: b.lastBU().bu.Sequence,
		Lifetime: 400 * time.Second, Remaining: 380 * time.Second, Next: 300 * time.Second,
		Status: mh.StatusAccepted, HasStatus: true}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("binding %+v\nwant    %+v", v, want)
	}
	b.move(ra(eth, routerB, netB))
	b.wait(3100 * time.Millisecond)
	v = b.m.Bindings(b.now)[0]
	if !v.Waiting || v.Retries != 2 || v.CareOf != coaB || v.Bound != coaA || v.Next <= 0 {
		t.Errorf("while unanswered: %+v", v)
	}
	i := b.m.Interfaces(b.now)[0]
	if i.Name != "eth0" || !i.Up || i.State != "confirmed" || i.CareOf != coaB || !i.Ready ||
		len(i.Routers) != 1 || i.Routers[0].Address != routerB || !i.Routers[0].Default ||
		len(i.Routers[0].Prefixes) != 1 || i.Routers[0].Prefixes[0].Prefix != netB {
		t.Errorf("interface %+v", i)
	}
}

func TestInterfaceStates(t *testing.T) {
	b := started(t, defaultParams())
	check := func(want string) {
		t.Helper()
		if got := b.m.Interfaces(b.now)[0].State; got != want {
			t.Errorf("state %q, want %q", got, want)
		}
	}
	b.step(up(eth))
	check("soliciting")
	b.step(ra(eth, routerA, netA))
	check("confirmed")
	b.wait(time.Second)
	b.step(role.RouterUnreachable{Ifindex: eth, Router: routerA})
	check("probing")
	b.wait(time.Second)
	check("silent")
	b.step(down(eth))
	check("down")
}

// The rule that must never break: on a link that isn't home, the home address
// is tunnelled or blocked. Here the truth about links is known, and the machine
// is walked through a long journey.
func TestNoHomePacketLeavesUntunnelled(t *testing.T) {
	p := authParams()
	b := started(t, p)
	b.step(up(wan), ra(wan, routerB, netB))
	places := []role.RouterSeen{homeRA(eth), ra(eth, routerA, netA), ra(eth, routerB, netC), homeRA(eth)}
	atHome := false
	check := func(when string) {
		t.Helper()
		if b.path().Mode == role.PathHome && !atHome {
			t.Fatalf("%s: the home address is an ordinary address on a foreign link", when)
		}
	}
	for i := range 200 {
		place := places[i*7%len(places)]
		b.step(down(eth))
		atHome = false
		check("link down")
		b.wait(time.Duration(i*37%1500) * time.Millisecond)
		b.step(up(eth))
		check("link up")
		atHome = place.Router == haRouter
		b.step(place)
		check("advertisement")
		if i%3 != 0 && b.m.Bindings(b.now)[0].Waiting {
			b.ack(mh.StatusAccepted)
			check("acknowledgement")
		}
		b.wait(time.Duration(i*91%5000) * time.Millisecond)
		check("later")
	}
}

func TestManyHomeAddresses(t *testing.T) {
	p := defaultParams()
	p.Homes = nil
	for i := range 10 {
		a := hoa.Addr().As16()
		a[15] = byte(i)
		p.Homes = append(p.Homes, Home{HomeAddress: netip.PrefixFrom(netip.AddrFrom16(a), 64), HomeAgent: ha})
	}
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.wait(20 * time.Second)
	seen := make(map[netip.Addr]bool)
	for _, s := range b.bus {
		seen[s.send.HomeAddress] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d home addresses were registered, want 10", len(seen))
	}
	for i := 3; i < len(b.bus); i++ {
		if gap := b.bus[i].at.Sub(b.bus[i-3].at); gap <= time.Second {
			t.Errorf("four Binding Updates to one home agent within %v", gap)
		}
	}
}
