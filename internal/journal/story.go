package journal

import (
	"net/netip"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// Story tells what has happened to one home address.
func (j *Journal) Story(f ctl.TraceFilter) ctl.Trace {
	list, since := j.entries()
	out := ctl.Trace{HomeAddress: f.HomeAddress, Since: since, Steps: []ctl.TraceStep{}}
	t := newTeller(f.HomeAddress, list)
	var before time.Time
	for _, e := range list {
		step, ours := t.tell(e)
		if !ours || e.at.Before(f.Since) {
			continue
		}
		step.Time = e.at
		if !before.IsZero() {
			step.SincePrevious = ctl.Seconds(e.at.Sub(before))
		}
		before = e.at
		if e.err != nil {
			step.Error, step.Warn = e.err.Error(), true
		}
		step.Took = ctl.Seconds(e.took)
		out.Steps = append(out.Steps, step)
	}
	return out
}

// teller knows what belongs to a home address.
type teller struct {
	home    netip.Addr
	careOf  map[netip.Addr]bool // its care-of addresses, of which tests tell by no other sign
	waiting map[question]int    // messages that were sent so often and are not answered
}

// question is what asks for one thing, however often.
type question struct {
	kind     mh.Type
	from, to netip.Addr // the message's end points
	careOf   netip.Addr // of a Binding Update
	ends     bool       // so does a Binding Update of lifetime 0
}

func newTeller(home netip.Addr, list []entry) *teller {
	t := &teller{home: home, careOf: make(map[netip.Addr]bool), waiting: make(map[question]int)}
	for _, e := range list {
		switch e := e.what.(type) {
		case role.MessageIn:
			t.learn(e.HomeAddress, e.Src)
			t.learn(e.RoutingHome, e.Dst)
		case role.Send:
			t.learn(e.HomeAddress, e.Src)
			t.learn(e.RoutingHome, e.Dst)
		case role.SetBinding:
			t.learn(e.Binding.HomeAddress, e.Binding.CareOf)
		case role.SetHomePath:
			t.learn(e.Path.HomeAddress.Addr(), e.Path.CareOf)
		case role.Notice:
			t.learn(e.HoA, e.CoA)
		}
	}
	return t
}

func (t *teller) learn(home, careOf netip.Addr) {
	if home == t.home && careOf.IsValid() && careOf != home {
		t.careOf[careOf] = true
	}
}

// tell makes a step of an entry, if it belongs to the home address.
func (t *teller) tell(e entry) (s ctl.TraceStep, ours bool) {
	switch e := e.what.(type) {
	case role.MessageIn:
		return t.message(message{e.Src, e.Dst, e.HomeAddress, e.RoutingHome, e.Tunnelled, e.Raw}, ctl.StepReceived)
	case role.Send:
		return t.message(message{e.Src, e.Dst, e.HomeAddress, e.RoutingHome, false, e.Raw}, ctl.StepSent)
	}
	return t.effect(e.what)
}

// count says for the how-manieth time the same is asked, from 0 on.
func (t *teller) count(q question) int {
	n := t.waiting[q]
	t.waiting[q] = n + 1
	return n
}

// answered forgets what a message has answered.
func (t *teller) answered(kind mh.Type, from, to netip.Addr) {
	for q := range t.waiting {
		if q.kind == kind && q.from == from && q.to == to {
			delete(t.waiting, q)
		}
	}
}
