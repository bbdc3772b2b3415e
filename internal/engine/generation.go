package engine

import (
	"time"

	"mip6d/internal/role"
)

// A plan is what is left to do of one Step: its effects, in order.
type plan struct {
	machine role.Machine
	effects []role.Effect
}

// carryOut has the plans of one generation carried out and returns the Done
// events they earned, for the next generation; they are good until then.
//
// Within a plan order is kept. Across plans, everything that can go to the
// kernel before the next message of its own plan goes in one batch; then what is to
// be stored, with one commit; then the messages that follow, in one batch; and so on
// until all plans are empty.
func (e *Engine) carryOut(now time.Time, plans []plan) []answer {
	answers := e.earned[:0]
	for remaining := len(plans) > 0; remaining; {
		answers = e.applyRoom(now, plans, kernelRoom, answers)
		answers = e.applyRoom(now, plans, storeRoom, answers)
		answers = e.applyRoom(now, plans, wireRoom, answers)
		remaining = false
		for i := range plans {
			remaining = remaining || len(plans[i].effects) > 0
		}
	}
	e.earned = answers
	return answers
}

// An answer is a Done on its way to the machine that asked.
type answer struct {
	machine role.Machine
	done    role.Done
}

// applyRoom takes from each plan the leading effects that belong to one room
// and has them carried out together.
func (e *Engine) applyRoom(now time.Time, plans []plan, r room, answers []answer) []answer {
	e.batch, e.owners = e.batch[:0], e.owners[:0]
	for i := range plans {
		p := &plans[i]
		for taken := false; len(p.effects) > 0; p.effects = p.effects[1:] {
			effect := p.effects[0]
			where := roomOf(effect)
			if where == ownRoom && !taken {
				e.own(now, effect)
				continue
			}
			if where != r {
				break
			}
			taken = true
			e.batch = append(e.batch, effect)
			e.owners = append(e.owners, p.machine)
		}
	}
	if len(e.batch) == 0 {
		return answers
	}
	errs, took := e.apply(r)
	for i, effect := range e.batch {
		var err error
		if errs != nil {
			err = errs[i]
		}
		if err != nil {
			e.failed(effect, err, r)
		}
		if e.cfg.Recorder != nil {
			e.cfg.Recorder.Did(now, effect, took, err)
		}
		if id := role.IDOf(effect); id != 0 {
			answers = append(answers, answer{e.owners[i], role.Done{ID: id, Err: err}})
		}
	}
	return answers
}

// apply has a batch carried out, and measures it.
func (e *Engine) apply(r room) (errs []error, took time.Duration) {
	applier := e.cfg.Wire
	switch r {
	case kernelRoom:
		applier = e.cfg.Kernel
	case storeRoom:
		if applier = e.cfg.Store; applier == nil {
			return nil, 0
		}
	}
	started := e.cfg.Now()
	errs = applier.Apply(e.batch)
	took = e.cfg.Now().Sub(started)
	if e.cfg.Meter != nil {
		e.cfg.Meter.Applied(r.String(), took)
	}
	return errs, took
}

// own carries out the effects that need no applier. A plan's turn for them
// comes when nothing taken before them is still waiting, so that a Notice tells
// of what is done.
func (e *Engine) own(now time.Time, effect role.Effect) {
	switch effect := effect.(type) {
	case role.Count:
		e.cfg.Counters.Add(effect.Counter)
	case role.Notice:
		e.cfg.Notify(now, effect)
		if e.cfg.Recorder != nil {
			e.cfg.Recorder.Did(now, effect, 0, nil)
		}
	}
}

func (e *Engine) failed(effect role.Effect, err error, r room) {
	switch r {
	case kernelRoom:
		e.cfg.Counters.Add(role.CountKernelFailure)
	case storeRoom:
		e.cfg.Counters.Add(role.CountStoreFailure)
	default:
		e.cfg.Counters.Add(role.CountSendFailure)
	}
	e.cfg.Failed(effect, err)
}
