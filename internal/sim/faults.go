package sim

import (
	"math/rand/v2"
	"time"

	"mip6d/internal/mh"
)

// Faults says what goes wrong, and how often.
type Faults struct {
	Loss, Duplicate      float64 // of packets and advertisements
	DelayMin, DelayMax   time.Duration
	BeaconMin, BeaconMax time.Duration // between router advertisements
	Kernel               float64       // requests that the kernels refuse
	Half                 float64       // requests that are carried out and said to have failed
	Wire                 float64       // messages that the socket refuses
	Lost                 float64       // news of the kernel with which its socket overruns
	Duplicates           float64       // care-of addresses that others have
	Squatter             bool          // another host on the home link has the home address
	Attack               time.Duration // mean time between attacks; 0: none
	Move                 time.Duration // mean time between moves; 0: none
	CrashMN, CrashHA     time.Duration // mean times between crashes; 0: none
	Store                bool          // a process that crashed finds what it has stored
	Converse             bool          // mobile node and correspondent talk
	Forge                time.Duration // mean time between attacks on route optimisation
	CrashCN              time.Duration
	IPv4                 bool          // the mobile node wants an IPv4 home address
	Rival                time.Duration // mean time between another's requests for it; 0: none
	IPsec                bool          // the mobile node is protected by it
	Payload              bool          // all of it, which excludes route optimisation
	Beside               bool          // RFC 4285 beside IPsec
	NoMigration          bool          // kernels that know none
	Drain                time.Duration // mean time between the home agent's being drained or not; 0: never
	Delete               time.Duration // mean time between deletions of the binding by hand; 0: none
}

// drawFaults makes a world's character from its seed.
func drawFaults(rng *rand.Rand) Faults {
	pick := func(choices ...float64) float64 { return choices[rng.IntN(len(choices))] }
	mean := func(choices ...int) time.Duration {
		return time.Duration(choices[rng.IntN(len(choices))]) * time.Second
	}
	f := Faults{
		Loss: pick(0, 0, 0.05, 0.3), Duplicate: pick(0, 0.05, 0.2),
		DelayMin: time.Millisecond, DelayMax: time.Duration(pick(2, 20, 200, 2000)) * time.Millisecond,
		BeaconMin: 200 * time.Millisecond, BeaconMax: time.Duration(pick(300, 3000)) * time.Millisecond,
		Kernel: pick(0, 0, 0.02, 0.1), Duplicates: pick(0, 0, 0.02), Squatter: rng.IntN(40) == 0,
		Attack: mean(0, 1, 5), Move: mean(3, 15, 60, 400), CrashMN: mean(0, 0, 20, 100), CrashHA: mean(0, 0, 20, 100),
		Store: rng.IntN(2) == 0,
	}
	if f.Converse = rng.IntN(2) == 0; f.Converse {
		f.Forge, f.CrashCN = mean(0, 1, 5), mean(0, 0, 20, 100)
	}
	return f
}

// drawIPv4 is apart, so that it changes no other story.
func (f *Faults) drawIPv4(rng *rand.Rand) {
	if f.IPv4 = rng.IntN(2) == 0; f.IPv4 {
		f.Rival = time.Duration([]int{0, 3, 15}[rng.IntN(3)]) * time.Second
	}
}

// drawHalf is apart for the same reason.
func (f *Faults) drawHalf(rng *rand.Rand) { f.Half = []float64{0, 0, 0.02, 0.1}[rng.IntN(4)] }

// half is the answer to a request that was carried out: now and then that it was not, as when
// the kernel's answer is lost.
func (s *stage) half(who string, err error) error {
	if s.chance(s.faults.Half) {
		s.say("%s: it is done, and said to have failed", who)
		return err
	}
	return nil
}

// drawIPsec as well. What IPsec with static keys cannot protect from, replays to a home agent
// that has lost its store, timestamps do.
func (f *Faults) drawIPsec(rng *rand.Rand) {
	if f.IPsec = rng.IntN(2) == 0; f.IPsec {
		f.Payload = rng.IntN(3) == 0
		f.Beside = rng.IntN(4) == 0 || !f.Store
		f.NoMigration = rng.IntN(8) == 0
	}
}

// calm is a world in which nothing goes wrong any more.
func (f Faults) calm() Faults {
	return Faults{
		DelayMin: time.Millisecond, DelayMax: 5 * time.Millisecond,
		BeaconMin: f.BeaconMin, BeaconMax: f.BeaconMin + 100*time.Millisecond, Squatter: f.Squatter, Store: f.Store,
		Converse: f.Converse, IPv4: f.IPv4, IPsec: f.IPsec, Payload: f.Payload, Beside: f.Beside, NoMigration: f.NoMigration,
	}
}

// every lets something happen again and again, as long as its mean time says so.
func (w *World) every(mean func() time.Duration, do func()) {
	d := mean()
	if d == 0 {
		return
	}
	w.after(w.between(d/10, 2*d), func() {
		if mean() != 0 {
			do()
			w.every(mean, do)
		}
	})
}

func (w *World) startFaults() {
	w.every(func() time.Duration { return w.faults.Move }, w.moveSomewhere)
	w.every(func() time.Duration { return w.faults.Attack }, w.attack)
	w.every(func() time.Duration { return w.faults.CrashMN }, w.mn.kill)
	w.every(func() time.Duration { return w.faults.Forge }, w.forge)
	w.every(func() time.Duration { return w.faults.CrashCN }, w.cn.restart)
	w.startRival()
	w.every(func() time.Duration { return w.faults.CrashHA }, w.ha.kill)
}

func (w *World) moveSomewhere() {
	to := place(w.rng.IntN(4))
	if w.chance(0.2) {
		to = w.mn.at // the same link after a flap
	}
	w.mn.move(to, w.between(time.Millisecond, 500*time.Millisecond))
}

// attack replays a recorded Binding Update, or changes it: another care-of
// address, another sequence number, a flipped bit, no authentication. The
// checksum is always right.
func (w *World) attack() {
	if len(w.network.recorded) == 0 {
		return
	}
	w.attackWith(w.network.recorded[w.rng.IntN(len(w.network.recorded))])
}

// attackAfresh does it with one of the latest, whose timestamps are still good.
func (w *World) attackAfresh() {
	if n := len(w.network.recorded); n > 0 {
		w.attackWith(w.network.recorded[n-1-w.rng.IntN(min(n, 5))])
	}
}

func (w *World) attackWith(p packet) {
	bu, ok := parseBU(p)
	if !ok {
		return
	}
	raw := append([]byte(nil), p.raw...)
	how := "replays"
	switch w.rng.IntN(5) {
	case 0: // as it was
	case 1:
		how, p.src = "redirects", attacker
	case 2:
		how = "renumbers"
		bu.Sequence += uint16(w.rng.IntN(1000))
		raw, _ = mh.Marshal(bu)
	case 3:
		how = "flips a bit of"
		raw[6+w.rng.IntN(len(raw)-6)] ^= 1 << w.rng.IntN(8)
	case 4:
		how = "strips"
		bu.Options, bu.Verbatim = nil, false
		bu.Sequence++
		p.src = attacker
		raw, _ = mh.Marshal(bu)
	}
	source := p.src
	if p.home.IsValid() {
		source = p.home
	}
	mh.SetChecksum(raw, source, p.dst)
	p.raw = raw
	if how != "replays" && how != "redirects" {
		p.sealed = nil // who has no key changes nothing inside
	}
	w.say("attacker: %s %s", how, describe(p))
	w.arrive(p)
}
