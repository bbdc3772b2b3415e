package sim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// crowdAgent is a crowd's home agent, with models of its kernel and its store that fail in
// two ways: they refuse, or they do as they are asked and say that they did not, as when the
// answer is lost.
type crowdAgent struct {
	host
	c        *Crowd
	bindings map[netip.Addr]role.Binding
	set      map[netip.Addr]bool // by this run, and not cleared
	stored   map[netip.Addr]role.Registration
	newborn  func() role.Machine
}

func newCrowdAgent(c *Crowd, newborn func() role.Machine) *crowdAgent {
	h := &crowdAgent{c: c, bindings: make(map[netip.Addr]role.Binding), set: make(map[netip.Addr]bool), stored: make(map[netip.Addr]role.Registration),
		newborn: newborn}
	h.host = host{w: &c.stage, name: "HA", machine: newborn(), carryOut: h.apply, reborn: h.restart}
	return h
}

func (h *crowdAgent) die() {
	h.c.counts.Kills++
	h.kill()
}

func (h *crowdAgent) apply(e role.Effect) error {
	c := h.c
	switch e := e.(type) {
	case role.SetBinding:
		if c.chance(c.faults.Kernel) {
			c.counts.KernelFaults++
			c.say("HA: kernel refuses the binding of %s", e.Binding.HomeAddress)
			return errKernel
		}
		c.say("HA: binding %s at %s by %d", e.Binding.HomeAddress, e.Binding.CareOf, e.Binding.Sequence)
		c.by[e.Binding.HomeAddress].bindingSet(e.Binding)
		h.bindings[e.Binding.HomeAddress], h.set[e.Binding.HomeAddress] = e.Binding, true
		return c.done(h.name, &c.counts.KernelFaults, errKernel)
	case role.ClearBinding:
		if c.chance(c.faults.Kernel) {
			c.counts.KernelFaults++
			return errKernel
		}
		c.say("HA: no binding of %s", e.HomeAddress)
		c.by[e.HomeAddress].bindingGone()
		delete(h.bindings, e.HomeAddress)
		delete(h.set, e.HomeAddress)
		return c.done(h.name, &c.counts.KernelFaults, errKernel)
	case role.StoreRegistration:
		if c.chance(c.faults.Kernel) {
			c.counts.StoreFaults++
			return errStore
		}
		if h.stored[e.Registration.HomeAddress] = e.Registration; e.Registration.Empty() {
			delete(h.stored, e.Registration.HomeAddress)
		}
		return c.done(h.name, &c.counts.StoreFaults, errStore)
	case role.StartDAD:
		if c.chance(c.faults.Kernel) {
			h.dadDone(role.DADDone{Ifindex: e.Ifindex, Addr: e.Addr, Err: errKernel}, time.Millisecond)
			return errKernel
		}
		h.dadDone(role.DADDone{Ifindex: e.Ifindex, Addr: e.Addr}, dadTime)
	case role.Send:
		if c.chance(c.faults.Wire) {
			return errKernel
		}
		p := packet{src: e.Src, dst: e.Dst, home: e.HomeAddress, routing: e.RoutingHome, raw: e.Raw}
		h.acknowledged(p)
		c.deliver(p)
	case role.Notice:
		c.say("HA: %s %s: %s", e.HoA, e.Kind, e.Text)
	}
	return nil
}

func (h *crowdAgent) dadDone(ev role.DADDone, in time.Duration) {
	life := h.life
	h.c.after(in, func() {
		if h.life == life {
			if m := h.c.by[ev.Addr]; ev.Err == nil && m != nil {
				ev.Duplicate = m.defends()
			}
			h.step(ev)
		}
	})
}

// acknowledged: what an acknowledgement promises is in force, and stored, when it leaves.
func (h *crowdAgent) acknowledged(p packet) {
	msg, err := mh.Parse(p.raw)
	if err != nil {
		h.c.fail("the home agent sends what can't be parsed: %v", err)
		return
	}
	ba, ok := msg.(*mh.BindingAcknowledgement)
	if !ok {
		return
	}
	if !ba.Status.Accepted() {
		h.c.counts.Refused++
		return
	}
	h.c.counts.Accepted++
	home := p.routing
	if !home.IsValid() {
		home = p.dst
	}
	h.c.say("HA: acknowledges %d of %s for %v", ba.Sequence, home, ba.Lifetime)
	h.c.by[home].promised(ba, h.bindings, h.stored[home])
}

// restart begins the next run, with what the store has. What it does not set again
// is swept, also where the kernel has refused to.
func (h *crowdAgent) restart() {
	h.c.say("HA: starts again")
	h.crash(h.newborn())
	var ev role.Restored
	for _, home := range slices.SortedFunc(maps.Keys(h.stored), netip.Addr.Compare) {
		r := h.stored[home]
		ev.Registrations = append(ev.Registrations, r)
	}
	for _, m := range h.c.members {
		m.kept(h.stored[m.home])
	}
	clear(h.set)
	h.step(ev)
	for home := range h.bindings {
		if !h.set[home] {
			delete(h.bindings, home)
		}
	}
	h.step(role.Start{})
}

// agreed: in quiet kernel and store have the same.
func (h *crowdAgent) agreed() error {
	for home, b := range h.bindings {
		if r := h.stored[home]; !r.Bound || r.Binding.CareOf != b.CareOf {
			return fmt.Errorf("%s is at %s in the kernel, and stored: %v at %s", home, b.CareOf, r.Bound, r.Binding.CareOf)
		}
	}
	for home, r := range h.stored {
		if _, there := h.bindings[home]; r.Bound && !there {
			return fmt.Errorf("%s is stored at %s, and not in the kernel", home, r.Binding.CareOf)
		}
	}
	return nil
}
