package sim

import (
	"errors"
	"net/netip"
	"time"

	"mip6d/internal/role"
)

const dadTime = time.Second

var (
	errKernel = errors.New("no buffer space available (simulated)")
	errStore  = errors.New("no space left on device (simulated)")
	errKilled = errors.New("killed (simulated)")
)

// homeAgent is a home agent with a model of its kernel, the bindings in force,
// which are routes, source checks and proxy entries at once, and IPsec; and of its store.
type homeAgent struct {
	host
	w *World
	ipsec
	bindings map[netip.Addr]role.Binding
	stored   map[netip.Addr]role.Registration
	crashed  time.Time
	newborn  func() role.Machine
}

func newHomeAgent(w *World, newborn func() role.Machine) *homeAgent {
	h := &homeAgent{w: w, bindings: make(map[netip.Addr]role.Binding), stored: make(map[netip.Addr]role.Registration), newborn: newborn}
	h.host = host{w: &w.stage, name: "HA", machine: newborn(), carryOut: h.apply, reborn: h.restart}
	return h
}

func (h *homeAgent) apply(e role.Effect) error {
	w := h.w
	switch e := e.(type) {
	case role.SetBinding:
		if err := errors.Join(h.guard.Set([]role.Binding{e.Binding})...); err != nil {
			w.say("HA: the tunnels of %s do not end at %s: %v", e.Binding.HomeAddress, e.Binding.CareOf, err)
			return err
		}
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
		return w.half("HA", errKernel)
	case role.ClearBinding:
		if e.ID != 0 && w.chance(w.faults.Kernel) {
			w.say("HA: kernel refuses to clear %s", e.HomeAddress)
			return errKernel
		}
		w.say("HA: no binding of %s", e.HomeAddress)
		delete(h.bindings, e.HomeAddress)
		if err := errors.Join(h.guard.Clear([]netip.Addr{e.HomeAddress})...); err != nil {
			return err
		}
		return w.half("HA", errKernel)
	case role.StoreRegistration:
		if w.chance(w.faults.Kernel) {
			w.say("HA: store refuses")
			return errStore
		}
		if h.stored[e.Registration.HomeAddress] = e.Registration; e.Registration.Empty() {
			delete(h.stored, e.Registration.HomeAddress)
		}
		return w.half("HA", errStore)
	case role.StartDAD:
		life := h.life
		w.after(dadTime, func() {
			if h.life == life {
				h.step(role.DADDone{Ifindex: e.Ifindex, Addr: e.Addr, Duplicate: w.ownedOnHomeLink(e.Addr)})
			}
		})
	case role.Send:
		p := packet{src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, raw: e.Raw}
		w.say("HA: sends %s", describe(p))
		w.acknowledged(p)
		if (e.Neighbour || p.dst != hoa || !w.intercepted(p)) && h.protect(w, &p, false) {
			w.deliver(p)
		}
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

// restart begins the next run, with what the store has or, where that is lost,
// without. What is not set again is swept then (see cmd/mip6d).
func (h *homeAgent) restart() {
	w := h.w
	w.say("HA: starts again (store: %v)", w.faults.Store)
	h.crash(h.newborn())
	h.begin(w)
	w.record.drained = 0
	if w.faults.Store {
		w.kept(h.stored[hoa])
	} else {
		h.crashed = w.now
		clear(h.stored)
		clear(w.record.acked)
	}
	var ev role.Restored
	homes := []netip.Addr{hoa, rivalHoA}
	for _, a := range homes {
		r, ok := h.stored[a]
		if ok {
			ev.Registrations = append(ev.Registrations, r)
		}
		if b, there := h.bindings[a]; there && !r.Bound {
			b.IPv4HomeAddress = netip.Addr{} // it is swept, unless another has it by then
			h.bindings[a] = b
		}
	}
	h.step(ev)
	for _, a := range homes {
		if r := h.stored[a]; !r.Bound {
			delete(h.bindings, a)
		}
	}
	if err := h.guard.Settle(); err != nil && !h.dead {
		w.say("HA: %v", err)
	}
	h.step(role.Start{})
	if w.faults.Attack != 0 {
		w.after(w.between(0, time.Second), w.attackAfresh)
	}
}
