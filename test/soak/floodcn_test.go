package soak

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"mip6d/internal/admission"
	"mip6d/internal/cn"
	"mip6d/internal/engine"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// The same for a correspondent node: each registration is three messages here.
const peers = 200

var correspondent = netip.MustParseAddr("2001:db8:c::2")

// cnWorld is a correspondent node with its surroundings.
type cnWorld struct {
	e        *engine.Engine
	counters engine.Counters
	to       map[netip.Addr]chan mh.Message // answers, by the address they go to: home or care-of
}

// chance is a source of randomness for nonces.
type chance struct{ *rand.ChaCha8 }

func newCNWorld(sorted bool) *cnWorld {
	w := &cnWorld{to: make(map[netip.Addr]chan mh.Message)}
	for i := range peers {
		w.to[home(i)], w.to[careOf(i)] = make(chan mh.Message, 100), make(chan mh.Message, 100)
	}
	adm := admission.NewCorrespondent(w.counters.Add)
	m := cn.New(cn.Params{
		Policy: role.Policy{Default: true}, Registered: adm.Registered, Ended: adm.Ended, Renewed: adm.Renewed,
	}, chance{rand.NewChaCha8([32]byte{8})})
	var classify engine.Classify
	if sorted {
		classify = adm.Classify
	}
	w.e = newEngine(m, &w.counters, classify, func(s role.Send, msg mh.Message) {
		to := s.Dst
		if s.RoutingHome.IsValid() {
			to = s.RoutingHome
		}
		if c := w.to[to]; c != nil && (!s.RoutingHome.IsValid() || w.to[s.Dst] != nil) {
			c <- msg
		}
	})
	return w
}

// toCN is a message to the correspondent.
func toCN(msg mh.Message, from, home netip.Addr) role.MessageIn {
	raw, err := mh.Marshal(msg)
	if err != nil {
		panic(err) // it always fits
	}
	end := from
	if home.IsValid() {
		end = home
	}
	mh.SetChecksum(raw, end, correspondent)
	return role.MessageIn{Src: from, Dst: correspondent, HomeAddress: home, Raw: raw}
}

func routeOptimizing(i int, seq uint16, kbm [20]byte, nonces mh.NonceIndices, from netip.Addr) role.MessageIn {
	bu := &mh.BindingUpdate{Sequence: seq, Ack: true, Lifetime: 400 * time.Second}
	bu.Options = mh.Options{nonces, mh.BindingAuthorizationData{}}
	in := toCN(bu, from, home(i))
	mac := rr.Authenticator(kbm[:], from, correspondent, mh.Covered(in.Raw, mh.OptionBindingAuthorizationData, 0))
	copy(in.Raw[mh.AuthenticatorOffset(in.Raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	mh.SetChecksum(in.Raw, home(i), correspondent)
	return in
}

// ask offers something until there is an answer of a type, after 1, 2 and 4 s again.
func ask[T mh.Message](w *cnWorld, in func(try int) role.MessageIn, at netip.Addr, wanted func(T) bool) (answer T, tries int) {
	for try := range 4 {
		w.e.Offer(in(try))
		end := time.After(time.Second << try)
		for waiting := true; waiting; {
			select {
			case msg := <-w.to[at]:
				if a, ok := msg.(T); ok && wanted(a) {
					return a, try + 1
				}
			case <-end:
				waiting = false
			}
		}
	}
	return answer, 0
}

func whichever[T mh.Message](T) bool { return true }

// everybodyRenews, return routability included, spread over a time.
func (w *cnWorld) everybodyRenews(round int, spread time.Duration) (s served) {
	type result struct {
		served, first bool
		took          time.Duration
	}
	results := make(chan result)
	for i := range peers {
		go func() {
			time.Sleep(spread * time.Duration(i) / peers)
			begun := time.Now()
			hot, h := ask(w, func(int) role.MessageIn { return toCN(&mh.HomeTestInit{}, home(i), netip.Addr{}) }, home(i), whichever[*mh.HomeTest])
			cot, c := ask(w, func(int) role.MessageIn { return toCN(&mh.CareOfTestInit{}, careOf(i), netip.Addr{}) }, careOf(i), whichever[*mh.CareOfTest])
			if h == 0 || c == 0 {
				results <- result{}
				return
			}
			_, b := ask(w, func(try int) role.MessageIn {
				return routeOptimizing(i, uint16(10*round+try), rr.Kbm(hot.Token, cot.Token), mh.NonceIndices{Home: hot.NonceIndex, CareOf: cot.NonceIndex}, careOf(i))
			}, home(i), func(ba *mh.BindingAcknowledgement) bool {
				return ba.Status.Accepted() && ba.Sequence/10 == uint16(round)
			})
			results <- result{b > 0, h == 1 && c == 1 && b == 1, time.Since(begun)}
		}()
	}
	for range peers {
		r := <-results
		if r.served {
			s.all++
			s.latency = append(s.latency, r.took)
		}
		if r.first {
			s.first++
		}
	}
	return s
}

// TestFloodsOfACorrespondent: a flood of test init messages from everywhere, or of forged Binding
// Updates, ten times what it can do; those who have a binding renew it.
func TestFloodsOfACorrespondent(t *testing.T) {
	for _, c := range []struct {
		name  string
		event func(n int) role.MessageIn
	}{
		{"of test init messages", func(n int) role.MessageIn {
			if n%2 == 0 {
				return toCN(&mh.HomeTestInit{}, careOf(1<<25+n), netip.Addr{})
			}
			return toCN(&mh.CareOfTestInit{}, careOf(1<<25+n), netip.Addr{})
		}},
		{"forged in the name of mobile nodes", func(n int) role.MessageIn {
			return routeOptimizing(n%peers, 5000, [20]byte{1}, mh.NonceIndices{Home: uint16(n)}, careOf(1<<25+n))
		}},
	} {
		for _, sorted := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := newCNWorld(sorted)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- w.e.Run(ctx) }()
				if s := w.everybodyRenews(1, time.Second); s.all != peers {
					t.Fatalf("%d of %d registered", s.all, peers)
				}
				time.Sleep(10 * time.Second)
				f := startFlood(w.e, c.event)
				s := w.everybodyRenews(2, floodTime)
				close(f.stop)
				calm := w.everybodyRenews(3, time.Second)
				n := w.counters.Snapshot()
				t.Logf("a flood %s, sorted %v: %d messages; %d of %d served, %d at the first try, p50 %v, p99 %v; at most %d waited, dropped: strangers %d, known %d, others %d; afterwards %d at the first try, p99 %v",
					c.name, sorted, f.sent, s.all, peers, s.first, s.p(50), s.p(99), f.most,
					n[role.CountStrangerDropped], n[role.CountKnownDropped], n[role.CountQueueFull], calm.first, calm.p(99))
				if sorted && (s.first*100 < peers*99 || s.p(99) > time.Second || n[role.CountKnownDropped] > 0 || calm.first != peers) {
					t.Errorf("a flood %s: %d of %d at the first try, p99 %v, afterwards %d", c.name, s.first, peers, s.p(99), calm.first)
				}
				if !sorted && s.first*100 >= peers*99 {
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
