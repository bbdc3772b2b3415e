package engine

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"mip6d/internal/role"
)

// FuzzEngine has machines answer events with any effects, in any order, of which any fail.
// Whatever it is: each effect is carried out once, after all before it of the same Step; each
// that asks for it is answered once, by what became of it, to the machine that asked.
func FuzzEngine(f *testing.F) {
	f.Add([]byte{3, 0, 1, 2, 2, 4, 5, 1, 0x80})
	f.Add([]byte{9, 0x10, 4, 0x91, 2, 3, 5, 0x83, 0, 1, 1, 1, 6, 6, 0x16, 2, 0x90, 0x11})
	f.Add([]byte{1, 4, 5, 4, 5, 0x94, 3, 0x12, 0x11, 0x10})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 500 {
			return
		}
		w := &fuzzWorld{t: t, script: script, done: make(map[role.ID]bool)}
		machines := []role.Machine{&fuzzMachine{w: w}, &fuzzMachine{w: w}}
		e := New(Config{
			Machines: machines, Kernel: fuzzRoom{w, kernelRoom}, Wire: fuzzRoom{w, wireRoom}, Store: fuzzRoom{w, storeRoom}, Counters: new(Counters),
			Notify: func(_ time.Time, n role.Notice) { w.carriedOut(int(n.Sequence), ownRoom) },
			Failed: func(role.Effect, error) { w.failed++ },
		})
		for len(w.script) > 0 {
			events := make([]role.Event, 1+w.next()%8)
			for i := range events {
				events[i] = role.Tick{}
			}
			e.process(events)
		}
		w.check()
	})
}

// fuzzWorld knows what was wanted and what was done.
type fuzzWorld struct {
	t      *testing.T
	script []byte
	tasks  []task
	time   int
	fails  int
	failed int // as the engine has told
	done   map[role.ID]bool
}

// task is one effect.
type task struct {
	step    int
	machine *fuzzMachine
	room    room
	id      role.ID
	at      int // when it was carried out; 0: not yet
	failed  bool
}

func (w *fuzzWorld) next() (b byte) {
	if len(w.script) > 0 {
		b, w.script = w.script[0], w.script[1:]
	}
	return b
}

// carriedOut notes that an effect's turn has come.
func (w *fuzzWorld) carriedOut(n int, where room) {
	x := &w.tasks[n]
	if x.at != 0 || x.room != where {
		w.t.Fatalf("effect %d for room %d is carried out by %d, before at %d", n, x.room, where, x.at)
	}
	w.time++
	x.at = w.time
}

func (w *fuzzWorld) check() {
	for i, x := range w.tasks {
		if x.at == 0 {
			w.t.Fatalf("effect %d was never carried out", i)
		}
		if i > 0 && w.tasks[i-1].step == x.step && w.tasks[i-1].at > x.at {
			w.t.Fatalf("effects %d and %d of one step are carried out the other way round", i-1, i)
		}
		if x.id != 0 && !w.done[x.id] {
			w.t.Fatalf("effect %d was not answered", i)
		}
	}
	if w.fails != w.failed {
		w.t.Fatalf("%d effects failed, and %d were told", w.fails, w.failed)
	}
}

// fuzzMachine wants what the script says; its steps are numbered over all of them.
type fuzzMachine struct{ w *fuzzWorld }

func (m *fuzzMachine) Deadline() time.Time { return time.Time{} }

func (m *fuzzMachine) Step(_ time.Time, ev role.Event) (effects []role.Effect) {
	w := m.w
	if d, ok := ev.(role.Done); ok {
		x := w.tasks[d.ID-1]
		if w.done[d.ID] || x.machine != m || x.at == 0 || x.failed != (d.Err != nil) {
			w.t.Fatalf("effect %d (failed: %v) is answered with %v, again: %v", d.ID-1, x.failed, d.Err, w.done[d.ID])
		}
		w.done[d.ID] = true
	}
	step := len(w.tasks) // a number that no other step has, if it has tasks
	for range w.next() % 6 {
		n := len(w.tasks)
		x := task{step: step, machine: m}
		kind := w.next()
		id := role.ID(0)
		if kind&0x10 != 0 {
			id = role.ID(n + 1)
		}
		switch kind & 7 {
		case 0, 1:
			x.room, x.id = kernelRoom, id
			effects = append(effects, role.SetBinding{ID: id, Binding: role.Binding{HomeAddress: hoa1, Moves: uint64(n)}})
		case 2:
			x.room, x.id = storeRoom, id
			effects = append(effects, role.StoreRegistration{ID: id, Registration: role.Registration{HomeAddress: hoa1, Stamp: uint64(n)}})
		case 3, 4:
			x.room = wireRoom
			effects = append(effects, role.Send{Raw: binary.BigEndian.AppendUint32(nil, uint32(n))})
		default:
			x.room = ownRoom
			effects = append(effects, role.Notice{Sequence: uint16(n)})
		}
		w.tasks = append(w.tasks, x)
	}
	return effects
}

// fuzzRoom is an applier that refuses what the script says.
type fuzzRoom struct {
	w     *fuzzWorld
	where room
}

func (r fuzzRoom) Apply(effects []role.Effect) (errs []error) {
	for i, e := range effects {
		var n int
		switch e := e.(type) {
		case role.SetBinding:
			n = int(e.Binding.Moves)
		case role.StoreRegistration:
			n = int(e.Registration.Stamp)
		case role.Send:
			n = int(binary.BigEndian.Uint32(e.Raw))
		default:
			r.w.t.Fatalf("room %d has to carry out %T", r.where, e)
		}
		r.w.carriedOut(n, r.where)
		if r.w.next() < 0x80 {
			continue
		}
		if errs == nil {
			errs = make([]error, len(effects))
		}
		errs[i] = errors.New("no buffer space available")
		r.w.tasks[n].failed = true
		r.w.fails++
	}
	return errs
}
