package soak

import (
	"time"

	"mip6d/internal/engine"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// slow is a machine that takes its time for a message.
type slow struct{ role.Machine }

func (m slow) Step(now time.Time, ev role.Event) []role.Effect {
	if _, ok := ev.(role.MessageIn); ok {
		time.Sleep(lookTakes)
	}
	return m.Machine.Step(now, ev)
}

// applier is the kernel's, the store's or the wire's.
type applier func([]role.Effect) []error

func (a applier) Apply(effects []role.Effect) []error { return a(effects) }

// newEngine runs a machine with a kernel and a store that take their time; heard is told what is sent.
// A nil classify makes all of one class.
func newEngine(m role.Machine, counters *engine.Counters, classify engine.Classify, heard func(role.Send, mh.Message)) *engine.Engine {
	return engine.New(engine.Config{
		Machines: []role.Machine{slow{m}}, Counters: counters, Classify: classify,
		Kernel: applier(func(list []role.Effect) []error { time.Sleep(time.Duration(len(list)) * kernelTakes); return nil }),
		Store:  applier(func([]role.Effect) []error { time.Sleep(storeTakes); return nil }),
		Wire: applier(func(list []role.Effect) []error {
			for _, e := range list {
				if s, ok := e.(role.Send); ok {
					if msg, err := mh.Parse(s.Raw); err == nil {
						heard(s, msg)
					}
				}
			}
			return nil
		}),
		Notify: func(time.Time, role.Notice) {}, Failed: func(role.Effect, error) {},
	})
}
