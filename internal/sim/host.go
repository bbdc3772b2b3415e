package sim

import (
	"time"

	"mip6d/internal/role"
)

// host steps one machine and has its effects carried out, as internal/engine
// does: in their order, and the answers when all of them are done.
type host struct {
	w       *stage
	name    string
	machine role.Machine
	life    int       // crashes make what was planned for an earlier life void
	timer   time.Time // for which a Tick is planned

	// fuse is after how many effects, or requests of IPsec, the process is killed, in the
	// midst of what it was doing; 0: never. Then it hears nothing until reborn.
	fuse   int
	dead   bool
	reborn func()

	// carryOut carries one effect out in the model of the kernel.
	carryOut func(role.Effect) error
}

// refusing is what the kernel's model answers IPsec's requests with. A process that is killed
// in the midst of several makes no more of them.
func (h *host) refusing() error {
	switch {
	case h.burns():
		return errKilled
	case h.w.chance(h.w.faults.Kernel / 4):
		h.w.say("%s: kernel refuses a request of IPsec", h.name)
		return errKernel
	}
	return nil
}

// step hands the machine an event, and goes on with the answers.
func (h *host) step(ev role.Event) {
	queue := []role.Event{ev}
	for len(queue) > 0 && h.w.broken == nil && !h.dead {
		ev, queue = queue[0], queue[1:]
		h.w.countStep()
		for _, e := range h.machine.Step(h.w.now, ev) {
			if h.burns() {
				break
			}
			err := h.carryOut(e)
			if id := role.IDOf(e); id != 0 {
				queue = append(queue, role.Done{ID: id, Err: err})
			}
		}
	}
	if h.w.check != nil {
		h.w.check()
	}
	if !h.dead {
		h.arm()
	}
}

// burns says whether the process is dead when its next effect's turn comes.
func (h *host) burns() bool {
	if h.fuse > 0 {
		if h.fuse--; h.fuse == 0 {
			h.w.say("%s: is killed in the midst of it", h.name)
			h.dead = true
			h.life++
			h.w.after(h.w.between(0, 2*time.Second), h.reborn)
		}
	}
	return h.dead
}

// kill ends the process at once, or after some of the next effects.
func (h *host) kill() {
	switch {
	case h.dead || h.fuse > 0:
	case h.w.chance(0.3):
		h.reborn()
	default:
		h.fuse = 1 + h.w.rng.IntN(12)
	}
}

// arm plans the next Tick.
func (h *host) arm() {
	at := h.machine.Deadline()
	if at.IsZero() || at.Equal(h.timer) {
		return
	}
	h.timer = at
	life := h.life
	h.w.after(max(at.Sub(h.w.now), time.Millisecond), func() {
		if h.life == life && h.timer.Equal(at) {
			h.timer = time.Time{}
			h.step(role.Tick{})
		}
	})
}

// crash replaces the machine; the kernel stays as it is.
func (h *host) crash(next role.Machine) {
	h.life++
	h.machine, h.timer, h.dead, h.fuse = next, time.Time{}, false, 0
}
