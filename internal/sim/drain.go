package sim

import (
	"math/rand/v2"
	"time"

	"mip6d/internal/ha"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// drawDrain is apart, so that it changes no other story.
func (f *Faults) drawDrain(rng *rand.Rand) {
	f.Drain = time.Duration([]int{0, 0, 0, 60}[rng.IntN(4)]) * time.Second
	f.Delete = time.Duration([]int{0, 0, 0, 40}[rng.IntN(4)]) * time.Second
}

// operator drains the home agent and has it serve again, and deletes the binding, while
// there is trouble.
func (w *World) operator(rng *rand.Rand) {
	again := func(mean func() time.Duration, do func()) {
		var next func()
		next = func() {
			if d := mean(); d != 0 {
				w.after(d/10+time.Duration(rng.Int64N(int64(2*d))), func() {
					if mean() != 0 && !w.ha.dead {
						do()
					}
					next()
				})
			}
		}
		next()
	}
	again(func() time.Duration { return w.faults.Drain }, func() { w.drain(w.record.drained == 0) })
	again(func() time.Duration { return w.faults.Delete }, w.deleteByHand)
}

// drain begins or ends it. From then on no Binding Update that is sent is accepted.
func (w *World) drain(on bool) {
	w.say("operator: drain %v", on)
	w.record.drained = 0
	if on {
		w.record.drained = w.record.updates + 1
	}
	w.ha.step(ha.Drain{On: on})
}

func (w *World) deleteByHand() {
	w.say("operator: deletes the binding of %s", hoa)
	delete(w.record.acked, hoa) // the promise is withdrawn
	w.ha.step(ha.Delete{HomeAddress: hoa})
	// A kernel that refuses is asked again, later.
	if _, bound := w.ha.bindings[hoa]; bound && w.faults.Kernel == 0 && !w.ha.dead {
		w.fail("a binding that was deleted by hand is in force")
	}
}

// checkDrain: who is drained accepts nothing that was sent after it began.
func (w *World) checkDrain(ba *mh.BindingAcknowledgement, b role.Binding) {
	n := w.record.order[update{ba.Sequence, b.CareOf}]
	if w.record.drained != 0 && ba.Lifetime > 0 && n >= w.record.drained {
		w.fail("binding update %d is accepted by a home agent that drains since %d", n, w.record.drained)
	}
}
