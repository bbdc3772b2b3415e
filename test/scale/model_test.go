package scale

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/datapath"
	"mip6d/internal/engine"
	"mip6d/internal/ha"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
	"mip6d/internal/store"
)

var (
	local      = netip.MustParseAddr("2001:db8:1::1")
	homePrefix = netip.MustParsePrefix("2001:db8:1::/64")
	key        = []byte("0123456789abcdef0123")
	epoch      = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

const (
	spi      = 256
	lifetime = 600 * time.Second
)

// homeAddress is that of mobile node i.
func homeAddress(i int) netip.Addr { return numbered(homePrefix.Addr(), 1, i) }

// careOf is mobile node i's care-of address in a round.
func careOf(round, i int) netip.Addr { return numbered(netip.MustParseAddr("2001:db8:f9::"), round, i) }

func numbered(a netip.Addr, high, low int) netip.Addr {
	b := a.As16()
	b[10], b[11] = byte(high>>8), byte(high)
	b[13], b[14], b[15] = byte(low>>16), byte(low>>8), byte(low)
	return netip.AddrFrom16(b)
}

// kernel is a datapath.Part that keeps what a kernel has to: where each home address is.
type kernel map[netip.Addr]netip.Addr

func (k kernel) Set(bindings []role.Binding) []error {
	for _, b := range bindings {
		k[b.HomeAddress] = b.CareOf
	}
	return nil
}

func (k kernel) Clear(homes []netip.Addr) []error {
	for _, a := range homes {
		delete(k, a)
	}
	return nil
}

// wire counts what a home agent sends, and finds every address free.
type wire struct {
	acks, refusals int
	asked          []role.Event    // detections to be answered
	heard          chan<- answered // not nil: who wants to know when each was answered
}

// answered is that a mobile node was answered at a time.
type answered struct {
	home netip.Addr
	at   time.Time
}

func (w *wire) Apply(effects []role.Effect) []error {
	for _, e := range effects {
		switch e := e.(type) {
		case role.Send:
			if w.heard != nil {
				w.heard <- answered{e.RoutingHome, time.Now()}
			}
			if mh.Status(e.Raw[6]).Accepted() {
				w.acks++
			} else {
				w.refusals++
			}
		case role.StartDAD:
			w.asked = append(w.asked, role.DADDone{Ifindex: e.Ifindex, Addr: e.Addr})
		}
	}
	return nil
}

// world is a home agent without a kernel, for n mobile nodes.
type world struct {
	t        testing.TB
	n        int
	now      time.Time // zero: what it is
	machine  *ha.Machine
	engine   *engine.Engine
	kernel   kernel
	store    *store.Keeper
	wire     wire
	sequence []uint16
}

func newWorld(t testing.TB, n, ifindex int) *world {
	w := &world{t: t, n: n, now: epoch, kernel: make(kernel), sequence: make([]uint16, n)}
	p := ha.Params{
		Links:  []ha.Link{{Ifindex: ifindex, Address: local, Prefixes: []ha.Prefix{{Prefix: homePrefix, Valid: role.Infinite}}}},
		Stored: true,
	}
	for i := range n {
		p.MobileNodes = append(p.MobileNodes, ha.MobileNode{HomeAddress: homeAddress(i), Auth: &ha.Auth{SPI: spi, Key: key}})
	}
	w.machine = ha.New(p)
	kept, err := store.Open(t.TempDir(), nil, func(string, error) { t.Fatal("the store is damaged") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	w.store = kept
	w.engine = engine.New(engine.Config{
		Machines: []role.Machine{w.machine},
		Kernel:   datapath.Kernel{Main: datapath.NewHomeAgent(w.kernel)},
		Wire:     &w.wire, Store: kept, Counters: new(engine.Counters),
		Notify: func(time.Time, role.Notice) {},
		Failed: func(e role.Effect, err error) { t.Error(err) },
		Now: func() time.Time {
			if w.now.IsZero() {
				return time.Now()
			}
			return w.now
		},
	})
	return w
}

// update makes mobile node i's next Binding Update, of a time.
func (w *world) update(at time.Time, round, i int, life time.Duration) role.Event {
	w.sequence[i]++
	home, careOf := homeAddress(i), careOf(round, i)
	raw, err := mh.Marshal(&mh.BindingUpdate{
		Header: mh.Header{Options: mh.Options{
			mh.MesgID{Timestamp: ntp(at)},
			mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: spi, Authenticator: make([]byte, rr.AuthenticatorLen)},
		}},
		Sequence: w.sequence[i], Ack: true, Home: true, Lifetime: life,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	mac := rr.MNHA(key, careOf, home, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	mh.SetChecksum(raw, home, local)
	return role.MessageIn{Ifindex: 2, Src: careOf, Dst: local, HomeAddress: home, Raw: raw}
}

// updates makes one of each mobile node, in no order, a moment after the last.
func (w *world) updates(round int, life time.Duration) []role.Event {
	w.now = w.now.Add(time.Second)
	events := make([]role.Event, w.n)
	for i, k := range rand.New(rand.NewPCG(1, uint64(round))).Perm(w.n) {
		events[i] = w.update(w.now, round, k, life)
	}
	return events
}

// play hands events to the engine, batch after batch.
func (w *world) play(events []role.Event, batch int) {
	for len(events) > 0 {
		now := events[:min(batch, len(events))]
		events = events[len(now):]
		w.engine.Prime(now...)
		if asked := w.wire.asked; len(asked) > 0 {
			w.wire.asked = nil
			w.engine.Prime(asked...)
		}
	}
}

// check compares what was answered with what is there.
func (w *world) check(acks, bound int) error {
	if w.wire.acks != acks || w.wire.refusals != 0 {
		return errors.New("not all were accepted")
	}
	if w.machine.Len() != bound || len(w.kernel) != bound {
		return errors.New("not as many bindings as were registered")
	}
	w.wire.acks = 0
	return nil
}

func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}
