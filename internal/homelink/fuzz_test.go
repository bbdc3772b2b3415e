package homelink

import (
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/role"
)

// FuzzStep plays a machine any sequence of events, two octets each. Whatever
// comes, advertisements keep their distances, the list keeps its bounds and has
// nobody whose time is over, and every answer fits and starts with the best.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 10, 1, 0, 4, 0, 0, 255, 1, 0})
	f.Add([]byte{2, 1, 2, 2, 3, 1, 4, 0, 4, 1, 0, 200, 0, 200, 4, 0})
	f.Add([]byte{2, 0x41, 2, 0x82, 2, 0xc3, 4, 1, 4, 0, 0, 255, 0, 255, 4, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newBed(t, func(p *Params) {
			p.Routers = len(script)%2 == 0
			p.Deliveries = &Deliveries{MinInterval: time.Second, MaxInterval: time.Minute}
		})
		var told time.Time
		toldAt := func(s role.SendICMP, at time.Time) {
			if d := at.Sub(told); d < time.Second {
				t.Fatalf("%v between two Mobile Prefix Advertisements", d)
			}
			if told = at; !b.bound[home].Expires.After(at) {
				t.Fatal("a Mobile Prefix Advertisement for a binding that is over")
			}
		}
		b.start()
		last := b.now
		saw := func(all []sent) {
			for _, s := range all {
				if d := s.at.Sub(last); d < 3*time.Second {
					t.Fatalf("%v between two advertisements", d)
				}
				last = s.at
			}
		}
		b.heard = toldAt
		for ; len(script) >= 2; script = script[2:] {
			arg := script[1]
			switch script[0] % 11 {
			case 0:
				saw(b.until(b.now.Add(time.Duration(arg) * 100 * time.Millisecond)))
			case 1:
				b.step(role.RouterSolicited{Ifindex: homeLink + int(arg%2)})
			case 2:
				b.hear(arg%0x20, withPreference(uint16(arg>>6), arg&0x20 != 0))
			case 3:
				b.hear(arg, func(ra *icmp6.RouterAdvertisement) { ra.RouterLifetime = time.Duration(arg%8) * time.Second })
			case 4:
				b.request(func(_ *role.ICMPIn, q *icmp6.HomeAgentDiscoveryRequest) { q.Router = arg&1 != 0 })
				b.checkReply()
			case 5:
				b.register(home, time.Duration(arg)*time.Second)
			case 6:
				b.solicit(uint16(arg), nil)
			case 10:
				b.step(Drain{On: arg%2 == 0})
				for _, e := range b.out {
					if _, ok := e.(role.AdvertiseRouter); ok {
						saw([]sent{b.advertised(e)})
					}
				}
			case 8:
				b.step(role.LinkDown{Ifindex: homeLink})
			case 9:
				b.step(role.LinkUp{Ifindex: homeLink, LinkAddr: mac})
				for _, e := range b.out {
					if _, ok := e.(role.AdvertiseRouter); ok {
						saw([]sent{b.advertised(e)})
					}
				}
			case 7:
				p := Params{Links: []Link{homeLinkDefault()}, Deliveries: b.m.p.Deliveries}
				p.Links[0].Prefixes[0].Preferred = time.Duration(arg) * time.Second
				b.step(Reconfigured{Params: b.withCache(p)})
			}
			for _, e := range b.out {
				if s, ok := e.(role.SendICMP); ok && s.RoutingHome.IsValid() {
					toldAt(s, b.now)
				}
			}
			if arg == 0xff {
				saw(b.until(b.now.Add(10 * time.Minute)))
			}
			if n := len(b.others()); n > maxAgents {
				t.Fatalf("%d home agents", n)
			}
			for _, a := range b.others() {
				if !a.Expires.After(b.now) || len(a.Addresses) > maxAddresses {
					t.Fatalf("at %v: %+v", b.now, a)
				}
			}
		}
	})
}

// checkReply checks the answer of the last step, if there is one.
func (b *bed) checkReply() {
	b.Helper()
	best := uint16(0)
	preference := map[string]uint16{}
	for _, a := range b.m.Agents() {
		for _, x := range a.Addresses {
			preference[x.String()] = a.Preference
		}
	}
	for _, e := range b.out {
		s, ok := e.(role.SendICMP)
		if !ok {
			continue
		}
		m, err := icmp6.Parse(s.Raw)
		if err != nil {
			b.Fatal(err)
		}
		r := m.(*icmp6.HomeAgentDiscoveryReply)
		if len(r.HomeAgents) == 0 || len(r.HomeAgents) > maxListed {
			b.Fatalf("%d addresses", len(r.HomeAgents))
		}
		for i, a := range r.HomeAgents {
			p, listed := preference[a.String()]
			if !listed || i > 0 && p > best {
				b.Fatalf("%v, listed %v, has preference %d after %d", a, listed, p, best)
			}
			best = p
		}
	}
}
