package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"mip6d/internal/cn"
	"mip6d/internal/datapath"
	"mip6d/internal/ha"
	"mip6d/internal/mn"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// The lengths of a story: trouble, then quiet.
const (
	troubleTime = 10 * time.Minute
	quietTime   = 3 * time.Minute
)

// Mutants replace machines by broken ones, to show that the invariants see it.
type Mutants struct {
	HA func(role.Machine) role.Machine
	MN func(role.Machine) role.Machine
	CN func(role.Machine) role.Machine

	Unauthenticated bool // the home agent believes everybody
	IPv6Only        bool // nobody wants an IPv4 home address
	Whole           bool // nothing is done and said to have failed
	Unattended      bool // no operator does anything

	// IPsec is what happens to the tunnels of the side of that name; Naked leaves its
	// policies out.
	IPsec func(name string, t datapath.Tunnels) datapath.Tunnels
	Naked bool
}

var key = []byte("0123456789abcdef")

// New makes the world of a seed.
func New(seed uint64, mutants Mutants) *World {
	rng := rand.New(rand.NewPCG(seed, 6275))
	w := &World{rng4: rand.New(rand.NewPCG(seed, 5555))}
	w.stage = stage{Seed: seed, rng: rng, now: epoch, stepsFrom: epoch, maxSteps: maxSteps, check: w.checkAll, faults: drawFaults(rng)}
	if !mutants.IPv6Only {
		w.faults.drawIPv4(w.rng4)
	}
	if !mutants.Whole {
		w.faults.drawHalf(rand.New(rand.NewPCG(seed, 105))) // ENOBUFS
	}
	w.mutants = mutants
	if !mutants.Unauthenticated {
		w.faults.drawIPsec(rand.New(rand.NewPCG(seed, 3776)))
	}
	operator := rand.New(rand.NewPCG(seed, 5142))
	if !mutants.Unattended {
		w.faults.drawDrain(operator)
	}
	w.record = record{order: make(map[update]int), acked: make(map[netip.Addr]role.Binding),
		cnOrder: make(map[update]int), cnTaking: make(map[netip.Addr]uint16), tested: make(map[netip.Addr]bool)}
	w.record.reliable = w.faults.Store && w.faults.Kernel == 0 && w.faults.Half == 0
	w.ha = newHomeAgent(w, func() role.Machine { return mutate(newHA(mutants.Unauthenticated, w.faults), mutants.HA) })
	w.mn = newMobileNode(w, func() role.Machine { return mutate(newMN(rng, mutants.Unauthenticated, w.faults), mutants.MN) })
	w.cn = newCorrespondent(w, func() role.Machine { return mutate(newCN(rng), mutants.CN) })
	w.ha.protected(w, xfrmmig.AtHomeAgent, "HA", w.ha.refusing)
	w.mn.protected(w, xfrmmig.AtMobileNode, "MN", w.mn.refusing)
	w.say("seed %d: %+v", seed, w.faults)
	w.operator(operator)
	return w
}

func mutate(m role.Machine, by func(role.Machine) role.Machine) role.Machine {
	if by == nil {
		return m
	}
	return by(m)
}

func newHA(unauthenticated bool, f Faults) role.Machine {
	p := ha.Params{
		Links: []ha.Link{{
			Ifindex: 1, Address: haAddr, Prefixes: []ha.Prefix{{Prefix: prefixes[homeLink], Valid: role.Infinite}},
		}},
		MobileNodes: []ha.MobileNode{
			{HomeAddress: hoa, Auth: &ha.Auth{SPI: 256, Key: key}}, {HomeAddress: rivalHoA, Auth: &ha.Auth{SPI: 256, Key: key}},
		},
		IPv4Pool: []netip.Prefix{pool4},
	}
	if f.IPsec {
		p.MobileNodes[0].SA = signalling
		if !f.Beside {
			p.MobileNodes[0].Auth = nil
		}
	}
	if unauthenticated {
		p.MobileNodes, p.AllowUnauthenticated = nil, true
	}
	return ha.New(p)
}

func newCN(rng *rand.Rand) role.Machine {
	return cn.New(cn.Params{Policy: role.Policy{Default: true}, MaxBindings: maxCNBindings}, random{rng})
}

func newMN(rng *rand.Rand, unauthenticated bool, f Faults) role.Machine {
	home := mn.Home{
		HomeAddress: netip.PrefixFrom(hoa, 64), HomeAgent: haAddr, Lifetime: 60 * time.Second,
		Auth: &mn.Auth{SPI: 256, Key: key},
	}
	if f.IPsec {
		home.SA = signalling
	}
	if unauthenticated || f.IPsec && !f.Beside {
		home.Auth = nil
	}
	if f.IPv4 {
		home.IPv4 = &mn.IPv4{Addr: netip.IPv4Unspecified()}
	}
	return mn.New(mn.Params{
		Homes: []mn.Home{home}, Interfaces: []mn.Interface{{Name: "eth0"}},
		Optimization: mn.Optimization{Policy: role.Policy{Default: !f.Payload}, RetryAfter: 20 * time.Second},
	}, random{rng})
}

// Run tells the story of a seed. The error is the invariant that did not hold.
func (w *World) Run() error {
	w.ha.step(role.Start{})
	w.mn.step(role.Start{})
	w.cn.step(role.Start{})
	if w.faults.Converse {
		w.converse()
	}
	w.mn.move(place(1+w.rng.IntN(3)), 0)
	w.beacon()
	w.startFaults()
	w.run(troubleTime)
	if w.broken != nil {
		return w.broken
	}
	w.say("quiet")
	w.faults = w.faults.calm()
	w.ha.fuse, w.mn.fuse, w.cn.fuse = 0, 0, 0
	if w.record.drained != 0 {
		w.drain(false)
	}
	if w.mn.at == nowhere {
		w.mn.move(foreign1, 0)
	}
	w.run(quietTime)
	if w.broken != nil {
		return w.broken
	}
	if err := w.agreed(); err != nil {
		return fmt.Errorf("after %v of quiet: %w", quietTime, err)
	}
	return nil
}
