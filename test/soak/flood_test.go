package soak

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"mip6d/internal/admission"
	"mip6d/internal/engine"
	"mip6d/internal/ha"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// A home agent on a virtual clock: the engine, its machine and the admission as they are, in
// front of a kernel that takes a millisecond for a move, and a store that takes two for a
// commit; to look at a message takes a fifth of one.
const (
	lookTakes   = 200 * time.Microsecond
	kernelTakes = time.Millisecond
	storeTakes  = 2 * time.Millisecond
	capacity    = 1000 // moves in a second, or fewer
	nodes       = 400  // that are bound, and rightful
	insiders    = 20   // mobile nodes that flood
	floodTime   = 4 * time.Second
)

var (
	agent = netip.MustParseAddr("2001:db8:1::1")
	key   = []byte("0123456789abcdef")
)

func home(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, 8: 1, 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)})
}

func careOf(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0xf, 1, 12: byte(n >> 24), 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
}

// update is a Binding Update of RFC 4285; spoil makes it a forgery.
func update(i int, from netip.Addr, seq uint16, now time.Time, spoil bool) role.MessageIn {
	const since1900 = 2208988800
	bu := &mh.BindingUpdate{Sequence: seq, Ack: true, Home: true, Lifetime: 600 * time.Second}
	bu.Options = mh.Options{
		mh.MesgID{Timestamp: uint64(now.Unix()+since1900)<<32 | uint64(now.Nanosecond())<<32/1e9},
		mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: 256, Authenticator: make([]byte, rr.AuthenticatorLen)},
	}
	raw, err := mh.Marshal(bu)
	if err != nil {
		panic(err) // it always fits
	}
	mac := rr.MNHA(key, from, home(i), mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	if spoil {
		raw[len(raw)-1] ^= 1
	}
	mh.SetChecksum(raw, home(i), agent)
	return role.MessageIn{Src: from, Dst: agent, HomeAddress: home(i), Raw: raw}
}

// world is the home agent with its surroundings.
type world struct {
	e        *engine.Engine
	counters engine.Counters
	answered map[netip.Addr]chan uint16 // sequence numbers that were accepted
}

func newWorld(sorted bool) *world {
	w := &world{answered: make(map[netip.Addr]chan uint16)}
	p := ha.Params{Links: []ha.Link{{Address: agent, Prefixes: []ha.Prefix{{Prefix: netip.MustParsePrefix("2001:db8:1::/64"), Valid: role.Infinite}}}}}
	configured := make(map[netip.Addr]bool)
	for i := range nodes + insiders {
		p.MobileNodes = append(p.MobileNodes, ha.MobileNode{HomeAddress: home(i), Auth: &ha.Auth{SPI: 256, Key: key}})
		configured[home(i)] = true
		w.answered[home(i)] = make(chan uint16, 1<<16)
	}
	adm := admission.NewHomeAgent(w.counters.Add)
	adm.Configure(func(home netip.Addr) (admission.Key, bool) {
		return admission.Key{SPI: 256, Key: key}, configured[home]
	}, false)
	p.Registered = func(_ time.Time, b role.Binding) { adm.Registered(b.HomeAddress, b.Sequence) }
	p.Ended = adm.Ended
	var classify engine.Classify
	if sorted {
		classify = adm.Classify
	}
	w.e = newEngine(ha.New(p), &w.counters, classify, func(s role.Send, msg mh.Message) {
		if ba, ok := msg.(*mh.BindingAcknowledgement); ok && ba.Status.Accepted() {
			w.answered[s.RoutingHome] <- ba.Sequence
		}
	})
	return w
}

// served is what became of the rightful mobile nodes.
type served struct {
	first, all int // at the first try, and in the end
	latency    []time.Duration
}

func (s served) p(n int) time.Duration {
	slices.Sort(s.latency)
	return s.latency[min(len(s.latency)*n/100, len(s.latency)-1)]
}

// everybodyMoves once, spread over a time, sending again after 1, 2 and 4 s (RFC 6275 §11.8).
func (w *world) everybodyMoves(round int, spread time.Duration) (s served) {
	type result struct {
		tries int
		took  time.Duration
	}
	results := make(chan result)
	for i := range nodes {
		go func() {
			time.Sleep(spread * time.Duration(i) / nodes)
			begun := time.Now()
			for try := range 4 {
				seq := uint16(10*round + try)
				w.e.Offer(update(i, careOf(round<<20+i), seq, time.Now(), false))
				end := time.After(time.Second << try)
				for waiting := true; waiting; {
					select {
					case got := <-w.answered[home(i)]:
						if got/10 == uint16(round) {
							results <- result{try + 1, time.Since(begun)}
							return
						}
					case <-end:
						waiting = false
					}
				}
			}
			results <- result{}
		}()
	}
	for range nodes {
		r := <-results
		if r.tries > 0 {
			s.all++
			s.latency = append(s.latency, r.took)
		}
		if r.tries == 1 {
			s.first++
		}
	}
	return s
}

// flood offers ten times the capacity to an engine until stop is closed.
type flood struct {
	stop       chan struct{}
	sent, most int // messages, and how many waited
}

func startFlood(e *engine.Engine, event func(n int) role.MessageIn) *flood {
	f := &flood{stop: make(chan struct{})}
	go func() {
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-f.stop:
				return
			case <-tick.C:
				for range 10 * capacity / 1000 {
					e.Offer(event(f.sent))
					f.sent++
				}
				waiting, _ := e.Queue()
				f.most = max(f.most, waiting)
			}
		}
	}()
	return f
}

// TestFloods: ten times what a home agent can do, and nobody with a binding notices much.
// Without the admission they do.
func TestFloods(t *testing.T) {
	for _, c := range []struct {
		name  string
		event func(n int) role.MessageIn
	}{
		{"of unknown home addresses", func(n int) role.MessageIn { return update(1<<20+n, careOf(n), 1, time.Now(), true) }},
		{"forged in the name of mobile nodes", func(n int) role.MessageIn { return update(n%nodes, careOf(n), 5000, time.Now(), true) }},
		{"of mobile nodes of its own", func(n int) role.MessageIn {
			return update(nodes+n%insiders, careOf(1<<26+n), uint16(100+n/insiders), time.Now(), false)
		}},
	} {
		for _, sorted := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(sorted)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- w.e.Run(ctx) }()
				if s := w.everybodyMoves(1, time.Second); s.all != nodes {
					t.Fatalf("%d of %d registered", s.all, nodes)
				}
				time.Sleep(10 * time.Second) // everybody's budget is whole
				f := startFlood(w.e, c.event)
				s := w.everybodyMoves(2, floodTime)
				close(f.stop)
				calm := w.everybodyMoves(3, time.Second)
				n := w.counters.Snapshot()
				t.Logf("a flood %s, sorted %v: %d messages; %d of %d served, %d at the first try, p50 %v, p99 %v; at most %d waited, dropped: strangers %d, known %d, others %d; afterwards %d at the first try, p99 %v",
					c.name, sorted, f.sent, s.all, nodes, s.first, s.p(50), s.p(99), f.most,
					n[role.CountStrangerDropped], n[role.CountKnownDropped], n[role.CountQueueFull], calm.first, calm.p(99))
				if sorted && (s.first*100 < nodes*99 || s.p(99) > 500*time.Millisecond || n[role.CountKnownDropped] > 0 || calm.first != nodes) {
					t.Errorf("a flood %s: %d of %d at the first try, p99 %v, afterwards %d", c.name, s.first, nodes, s.p(99), calm.first)
				}
				if !sorted && s.first*100 >= nodes*99 {
					t.Errorf("a flood %s does no harm to an engine that does not sort: it is none", c.name)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		}
	}
}
