package sim

import (
	"time"

	"mip6d/internal/role"
)

// host steps one machine and has its effects carried out, as internal/engine
// does: in their order, and the answers when all of them are done.
type host struct {
	w       *World
	name    string
	machine role.Machine
	life    int       // crashes make what was planned for an earlier life void
	timer   time.Time // for which a Tick is planned

	// carryOut carries one effect out in the model of the kernel.
	carryOut func(role.Effect) error
}

// step hands the machine an event, and goes on with the answers.
func (h *host) step(ev role.Event) {
	queue := []role.Event{ev}
	for len(queue) > 0 && h.w.broken == nil {
		ev, queue = queue[0], queue[1:]
		h.w.countStep()
		for _, e := range h.machine.Step(h.w.now, ev) {
			err := h.carryOut(e)
			if id := role.IDOf(e); id != 0 {
				queue = append(queue, role.Done{ID: id, Err: err})
			}
		}
	}
	h.w.check()
	h.arm()
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
	h.machine, h.timer = next, time.Time{}
}
