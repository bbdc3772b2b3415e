package sim

import (
	"errors"
	"net/netip"
	"time"

	"mip6d/internal/role"
)

const dadTime = time.Second

var errKernel = errors.New("no buffer space available (simulated)")

// homeAgent is a home agent with a model of its kernel: the bindings in force,
// which are routes, source checks and proxy entries at once.
type homeAgent struct {
	host
	bindings map[netip.Addr]role.Binding
	crashed  time.Time
	newborn  func() role.Machine
}

func newHomeAgent(w *World, newborn func() role.Machine) *homeAgent {
	h := &homeAgent{bindings: make(map[netip.Addr]role.Binding), newborn: newborn}
	h.host = host{w: w, name: "HA", machine: newborn(), carryOut: h.apply}
	return h
}

func (h *homeAgent) apply(e role.Effect) error {
	w := h.w
	switch e := e.(type) {
	case role.SetBinding:
		if e.ID != 0 && w.chance(w.faults.Kernel) {
			w.say("HA: kernel refuses the binding of %s", e.Binding.HomeAddress)
			return errKernel
		}
		w.say("HA: binding %s at %s", e.Binding.HomeAddress, e.Binding.CareOf)
		if e.Binding.HomeAddress != rivalHoA {
			w.bindingSet(e.Binding)
		}
		w.checkIPv4(e.Binding)
		h.bindings[e.Binding.HomeAddress] = e.Binding
	case role.ClearBinding:
		if e.ID != 0 && w.chance(w.faults.Kernel) {
			w.say("HA: kernel refuses to clear %s", e.HomeAddress)
			return errKernel
		}
		w.say("HA: no binding of %s", e.HomeAddress)
		delete(h.bindings, e.HomeAddress)
	case role.StartDAD:
		life := h.life
		w.after(dadTime, func() {
			if h.life == life {
				h.step(role.DADDone{Ifindex: e.Ifindex, Addr: e.Addr, Duplicate: w.ownedOnHomeLink(e.Addr)})
			}
		})
	case role.Send:
		p := packet{e.Src, e.Dst, e.HomeAddress, e.RoutingHome, e.Raw}
		w.say("HA: sends %s", describe(p))
		w.acknowledged(p)
		w.deliver(p)
	case role.Notice:
		w.say("HA: %s: %s", e.Kind, e.Text)
	}
	return nil
}

// ownedOnHomeLink says whether anybody on the home link answers for an address.
func (w *World) ownedOnHomeLink(a netip.Addr) bool {
	if w.faults.Squatter {
		return a == hoa
	}
	m := w.mn.path.Mode
	return a == hoa && w.mn.up && w.mn.at == homeLink && (m == role.PathHome || m == role.PathAnswering)
}

// restart crashes the home agent. With a store it is given what it had
// acknowledged; without, the bindings are swept, as today.
func (h *homeAgent) restart(stored bool) {
	h.w.say("HA: crashes (store: %v)", stored)
	h.crashed = h.w.now
	h.crash(h.newborn())
	if stored {
		restored := role.Restored{At: h.w.now}
		for _, b := range h.w.record.acked {
			restored.Bindings = append(restored.Bindings, b)
		}
		h.step(restored)
	}
	for a := range h.bindings {
		if _, kept := h.w.record.acked[a]; !stored || !kept {
			delete(h.bindings, a)
		}
	}
	if !stored {
		clear(h.w.record.acked)
	}
	h.step(role.Start{})
}
