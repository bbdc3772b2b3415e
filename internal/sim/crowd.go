package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"mip6d/internal/ha"
	"mip6d/internal/mn"
	"mip6d/internal/role"
)

// Crowd is one home agent with many mobile nodes, each a whole one, that move, refresh,
// go home and come back while packets are lost, kernels and stores refuse, or do what they
// are asked and say that they did not, processes are killed, and Binding Updates are
// replayed. World is the same for one mobile node and looks closer.
type Crowd struct {
	stage
	ha      *crowdAgent
	members []*member
	by      map[netip.Addr]*member // by home address, and by the care-of addresses that they have
	seen    []packet               // Binding Updates that an attacker has recorded
	counts  Tally
}

// Tally is what a crowd has gone through.
type Tally struct {
	Steps, Moves, Updates, Accepted, Refused, Replays int
	KernelFaults, StoreFaults, Overruns, Kills        int
}

// Add adds another crowd's.
func (t *Tally) Add(o Tally) {
	t.Steps += o.Steps
	t.Moves += o.Moves
	t.Updates += o.Updates
	t.Accepted += o.Accepted
	t.Refused += o.Refused
	t.Replays += o.Replays
	t.KernelFaults += o.KernelFaults
	t.StoreFaults += o.StoreFaults
	t.Overruns += o.Overruns
	t.Kills += o.Kills
}

// CrowdTime is how long a crowd's story is: trouble, then quiet.
const CrowdTime = crowdTrouble + crowdQuiet

const (
	crowdTrouble = 15 * time.Minute
	crowdQuiet   = 5 * time.Minute

	crowdLifetime = 300 * time.Second
)

// NewCrowd makes the crowd of a seed. Its story is told if tell is set; it takes memory.
func NewCrowd(seed uint64, nodes int, tell bool, mutate func(role.Machine) role.Machine) *Crowd {
	rng := rand.New(rand.NewPCG(seed, 1000))
	c := &Crowd{by: make(map[netip.Addr]*member, 3*nodes)}
	c.stage = stage{Seed: seed, rng: rng, now: epoch, stepsFrom: epoch, maxSteps: 500 + 20*nodes, mute: !tell, faults: drawCrowdFaults(rng)}
	var known []ha.MobileNode
	for i := range nodes {
		known = append(known, ha.MobileNode{HomeAddress: crowdHome(i), Auth: &ha.Auth{SPI: 256, Key: key}})
	}
	c.ha = newCrowdAgent(c, func() role.Machine {
		var m role.Machine = ha.New(ha.Params{
			Links:       []ha.Link{{Ifindex: 1, Address: haAddr, Prefixes: []ha.Prefix{{Prefix: prefixes[homeLink], Valid: role.Infinite}}}},
			MobileNodes: known,
		})
		if mutate != nil {
			m = mutate(m)
		}
		return m
	})
	for i := range nodes {
		c.members = append(c.members, newMember(c, i, func() role.Machine {
			return mn.New(mn.Params{
				Homes: []mn.Home{{
					HomeAddress: netip.PrefixFrom(crowdHome(i), 64), HomeAgent: haAddr, Lifetime: crowdLifetime, Auth: &mn.Auth{SPI: 256, Key: key},
				}},
				Interfaces: []mn.Interface{{Name: "eth0"}},
			}, random{rng})
		}))
		c.by[crowdHome(i)] = c.members[i]
	}
	c.say("seed %d: %d mobile nodes, %+v", seed, nodes, c.faults)
	return c
}

// crowdHome is the home address of a mobile node.
func crowdHome(i int) netip.Addr {
	a := prefixes[homeLink].Addr().As16()
	a[8], a[13], a[14], a[15] = 1, byte(i>>16), byte(i>>8), byte(i)
	return netip.AddrFrom16(a)
}

func drawCrowdFaults(rng *rand.Rand) Faults {
	pick := func(choices ...float64) float64 { return choices[rng.IntN(len(choices))] }
	mean := func(choices ...int) time.Duration {
		return time.Duration(choices[rng.IntN(len(choices))]) * time.Second
	}
	return Faults{
		Loss: pick(0, 0.02, 0.2), Duplicate: pick(0, 0.05), DelayMin: time.Millisecond,
		DelayMax: time.Duration(pick(5, 50, 1000)) * time.Millisecond,
		Kernel:   pick(0, 0.01, 0.05), Half: pick(0, 0.01, 0.05), Wire: pick(0, 0.02), Lost: pick(0, 0.02, 0.1),
		Duplicates: pick(0, 0.01), Attack: time.Duration(pick(0, 100, 1000)) * time.Millisecond,
		Move: mean(60, 180), CrashMN: mean(0, 300), CrashHA: mean(0, 60, 180), Store: true,
	}
}

// Run tells the story. The error is the invariant that did not hold.
func (c *Crowd) Run() error {
	c.ha.step(role.Start{})
	for _, m := range c.members {
		m.step(role.Start{})
		m.move(place(1+c.rng.IntN(3)), c.between(0, 30*time.Second))
		c.each(&c.faults.Move, func() { m.moveSomewhere() })
		c.each(&c.faults.CrashMN, func() { m.die() })
		c.beacon(m)
	}
	c.each(&c.faults.CrashHA, c.ha.die)
	c.each(&c.faults.Attack, c.replay)
	c.run(crowdTrouble)
	if c.broken != nil {
		return c.broken
	}
	c.say("quiet")
	c.faults = Faults{DelayMin: time.Millisecond, DelayMax: 5 * time.Millisecond, Store: true}
	c.ha.fuse = 0
	for _, m := range c.members {
		m.fuse = 0
		if m.at == nowhere {
			m.move(foreign1, 0)
		}
	}
	c.run(crowdQuiet)
	if c.broken != nil {
		return c.broken
	}
	for _, m := range c.members {
		if err := m.agreed(); err != nil {
			return fmt.Errorf("after %v of quiet: %w", crowdQuiet, err)
		}
	}
	return c.ha.agreed()
}

// Tally is what there was of everything.
func (c *Crowd) Tally() Tally {
	c.counts.Steps = c.total
	return c.counts
}

// each lets something happen again and again, as long as its mean time is not zero.
func (c *Crowd) each(mean *time.Duration, do func()) {
	d := *mean
	if d == 0 {
		return
	}
	c.after(c.between(d/10, 2*d), func() {
		if *mean != 0 {
			do()
			c.each(mean, do)
		}
	})
}

// beacon has the router of whatever link a mobile node is on speak now and then.
func (c *Crowd) beacon(m *member) {
	m.advertised(0)
	c.after(c.between(20*time.Second, time.Minute), func() { c.beacon(m) })
}

// done is the answer to a request that was carried out.
func (c *Crowd) done(who string, faults *int, err error) error {
	if err = c.half(who, err); err != nil {
		*faults++
	}
	return err
}

// deliver takes a packet through the network.
func (c *Crowd) deliver(p packet) {
	copies := 1
	switch {
	case c.chance(c.faults.Loss):
		return
	case c.chance(c.faults.Duplicate):
		copies = 2
	}
	for range copies {
		c.after(c.between(c.faults.DelayMin, c.faults.DelayMax), func() { c.arrive(p) })
	}
}

func (c *Crowd) arrive(p packet) {
	in := role.MessageIn{Ifindex: mnIfindex, Src: p.src, Dst: p.dst, HomeAddress: p.home, RoutingHome: p.routing, Raw: p.raw}
	if p.dst == haAddr {
		in.Ifindex = 1
		c.ha.step(in)
		return
	}
	m := c.by[p.dst]
	if m != nil && m.has(p.dst) {
		m.step(in)
	}
}

// replay sends a Binding Update again that was sent some time ago, as it was.
func (c *Crowd) replay() {
	if n := len(c.seen); n > 0 {
		c.counts.Replays++
		c.arrive(c.seen[c.rng.IntN(n)])
	}
}
