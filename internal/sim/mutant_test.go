package sim

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/datapath"
	"mip6d/internal/ha"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// wrapped is a machine whose answers somebody spoils.
type wrapped struct {
	role.Machine
	spoil func(now time.Time, inner role.Machine, effects []role.Effect) []role.Effect
}

func (m wrapped) Step(now time.Time, ev role.Event) []role.Effect {
	return m.spoil(now, m.Machine, m.Machine.Step(now, ev))
}

func spoil(f func(time.Time, role.Machine, []role.Effect) []role.Effect) func(role.Machine) role.Machine {
	return func(m role.Machine) role.Machine { return wrapped{m, f} }
}

// each replaces effects one by one.
func each(f func(time.Time, role.Machine, role.Effect) []role.Effect) func(role.Machine) role.Machine {
	return spoil(func(now time.Time, m role.Machine, effects []role.Effect) []role.Effect {
		var out []role.Effect
		for _, e := range effects {
			out = append(out, f(now, m, e)...)
		}
		return out
	})
}

// busy is a machine that always wants to be called at once.
type busy struct{ role.Machine }

func (busy) Deadline() time.Time { return epoch }

// deaf is a home agent that does not hear its operator.
type deaf struct{ role.Machine }

func (m deaf) Step(now time.Time, ev role.Event) []role.Effect {
	switch ev.(type) {
	case ha.Drain, ha.Delete:
		return nil
	}
	return m.Machine.Step(now, ev)
}

// TestInvariantsCatchMutants: each invariant is broken by a machine that is made
// to, so none of them can't fail.
func TestInvariantsCatchMutants(t *testing.T) {
	for _, c := range []struct {
		name    string
		mutants Mutants
		want    string
	}{
		{
			"acknowledges before the kernel has it",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.SetBinding); ok && s.ID != 0 {
					return m.Step(now, role.Done{ID: s.ID})
				}
				return []role.Effect{e}
			})},
			"acknowledged that is not in force",
		},
		{
			"acknowledges a de-registration before it is done",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if c, ok := e.(role.ClearBinding); ok && c.ID != 0 {
					return append(m.Step(now, role.Done{ID: c.ID}), e)
				}
				return []role.Effect{e}
			})},
			"a de-registration is acknowledged while the binding is in force",
		},
		{
			"acknowledges before the store has it",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.StoreRegistration); ok && s.Registration.Bound {
					return append(m.Step(now, role.Done{ID: s.ID}), s)
				}
				return []role.Effect{e}
			})},
			"a binding is acknowledged that is not stored",
		},
		{
			"forgets what has ended",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.StoreRegistration); ok && !s.Registration.Bound && s.ID != 0 {
					return m.Step(now, role.Done{ID: s.ID})
				}
				return []role.Effect{e}
			})},
			"a de-registration is acknowledged while the binding is stored",
		},
		{
			"forgets what it has refused",
			Mutants{IPv6Only: true, Whole: true, Unattended: true, HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.StoreRegistration); ok {
					s.Registration.Stamp, s.Registration.Sequent = 0, false
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"comes into force",
		},
		{
			"believes everybody",
			Mutants{Unauthenticated: true},
			"never asked for",
		},
		{
			"loses a binding",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if n, ok := e.(role.Notice); ok && n.Kind == role.NoticeBindingCreated {
					return []role.Effect{e, role.ClearBinding{HomeAddress: hoa}}
				}
				return []role.Effect{e}
			})},
			"an acknowledged binding is gone",
		},
		{
			"uses the home address abroad",
			Mutants{MN: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.SetHomePath); ok && s.Path.Mode == role.PathTunnelled {
					s.Path.Mode = role.PathHome
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"the home address is home on foreign",
		},
		{
			"sends from the home address abroad",
			Mutants{MN: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				switch e := e.(type) {
				case role.SetHomePath:
					if e.Path.Mode == role.PathTunnelled {
						e.Path.Mode = role.PathNone
					}
					return []role.Effect{e}
				case role.Send:
					e.Src = hoa
					return []role.Effect{e}
				}
				return []role.Effect{e}
			})},
			"leaves untunnelled",
		},
		{
			"promises an IPv4 home address that the kernel does not have",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.SetBinding); ok {
					s.Binding.IPv4HomeAddress = netip.Addr{}
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"is told that its IPv4 home address is",
		},
		{
			"gives an IPv4 home address to everybody",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.SetBinding); ok {
					s.Binding.IPv4HomeAddress = pool4.Addr()
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"192.0.2.7 is bound to",
		},
		{
			"does not use its IPv4 home address",
			Mutants{MN: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.SetHomePath); ok {
					s.Path.IPv4 = netip.Addr{}
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"the IPv4 home address is invalid IP here",
		},
		{
			"optimises without tests",
			Mutants{CN: func(role.Machine) role.Machine { return new(credulous) }},
			"a direct path",
		},
		{
			"forgets its sequence numbers",
			Mutants{MN: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.StoreListEntry); ok {
					return m.Step(now, role.Done{ID: s.ID})
				}
				return []role.Effect{e}
			})},
			"the mobile node uses sequence number",
		},
		{
			"keeps a direct path after a move",
			Mutants{MN: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if _, ok := e.(role.ClearDirect); ok {
					return nil
				}
				return []role.Effect{e}
			})},
			"leaves directly from",
		},
		{
			"never finds its care-of address",
			Mutants{MN: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.Send); ok && s.HomeAddress.IsValid() {
					return nil
				}
				return []role.Effect{e}
			})},
			"of quiet",
		},
		{
			"keeps the daemon busy",
			Mutants{HA: func(m role.Machine) role.Machine { return busy{m} }},
			"steps in a second",
		},
		{
			"does not protect its tunnel",
			Mutants{IPsec: side("MN", func(t datapath.Tunnels) datapath.Tunnels { return lazy{} })},
			"the tunnels end at invalid IP",
		},
		{
			"makes its tunnel inactive while it is used",
			Mutants{IPsec: side("HA", func(t datapath.Tunnels) datapath.Tunnels { return fickle{t} })},
			"is acknowledged, and the tunnels end at invalid IP",
		},
		{
			"acknowledges what could not be migrated",
			Mutants{IPsec: side("HA", func(t datapath.Tunnels) datapath.Tunnels { return careless{t} })},
			"is acknowledged, and the tunnels end at",
		},
		{
			"uses a tunnel that could not be migrated",
			Mutants{IPsec: side("MN", func(t datapath.Tunnels) datapath.Tunnels { return careless{t} })},
			"the tunnels end at",
		},
		{
			"never migrates",
			Mutants{IPsec: side("HA", func(t datapath.Tunnels) datapath.Tunnels { return &rooted{Tunnels: t} })},
			"is acknowledged, and the tunnels end at",
		},
		{
			"has no policies",
			Mutants{Naked: true},
			"leaves in clear",
		},
		{
			"serves on while it drains",
			Mutants{HA: func(m role.Machine) role.Machine { return deaf{m} }},
			"by a home agent that drains",
		},
		{
			"keeps what is deleted by hand",
			Mutants{HA: func(m role.Machine) role.Machine { return deaf{m} }},
			"deleted by hand is in force",
		},
		{
			"sends what can't be parsed",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.Send); ok {
					s.Raw = s.Raw[:7]
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"can't be parsed",
		},
		{
			"acknowledges with another's sequence number",
			Mutants{HA: each(func(now time.Time, m role.Machine, e role.Effect) []role.Effect {
				if s, ok := e.(role.Send); ok {
					msg, err := mh.Parse(s.Raw)
					if ba, isBA := msg.(*mh.BindingAcknowledgement); err == nil && isBA {
						ba.Sequence ^= 0x4000
						s.Raw, _ = mh.Marshal(ba)
					}
					return []role.Effect{s}
				}
				return []role.Effect{e}
			})},
			"by which nobody asked for it",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var last error
			for seed := uint64(1); seed <= 400; seed++ {
				if last = New(seed, c.mutants).Run(); last != nil && strings.Contains(last.Error(), c.want) {
					return
				}
			}
			t.Errorf("no seed of 400 says %q; the last says %v", c.want, last)
		})
	}
}

// side spoils the tunnels of one side.
func side(name string, f func(datapath.Tunnels) datapath.Tunnels) func(string, datapath.Tunnels) datapath.Tunnels {
	return func(n string, t datapath.Tunnels) datapath.Tunnels {
		if n != name {
			return t
		}
		return f(t)
	}
}

// lazy protects nothing.
type lazy struct{}

func (lazy) SetTunnels(netip.Addr, netip.Addr, bool) error { return nil }
func (lazy) ClearTunnels(netip.Addr) error                 { return nil }

// fickle has protection end with the move.
type fickle struct{ datapath.Tunnels }

func (f fickle) SetTunnels(home, careOf netip.Addr, keyMgmt bool) error {
	return errors.Join(f.Tunnels.SetTunnels(home, careOf, keyMgmt), f.Tunnels.ClearTunnels(home))
}

// careless does not look at what the kernel says.
type careless struct{ datapath.Tunnels }

func (c careless) SetTunnels(home, careOf netip.Addr, keyMgmt bool) error {
	_ = c.Tunnels.SetTunnels(home, careOf, keyMgmt)
	return nil
}

// rooted stays with the first care-of address.
type rooted struct {
	datapath.Tunnels
	at netip.Addr
}

func (r *rooted) SetTunnels(home, careOf netip.Addr, keyMgmt bool) error {
	if !r.at.IsValid() {
		r.at = careOf
	}
	return r.Tunnels.SetTunnels(home, r.at, keyMgmt)
}

// credulous is a correspondent that believes every Binding Update.
type credulous struct{ id role.ID }

func (c *credulous) Deadline() time.Time { return time.Time{} }

func (c *credulous) Step(_ time.Time, ev role.Event) []role.Effect {
	in, ok := ev.(role.MessageIn)
	if !ok {
		return nil
	}
	answer := func(msg mh.Message) []role.Effect {
		raw, err := mh.Marshal(msg)
		if err != nil {
			return nil
		}
		mh.SetChecksum(raw, in.Dst, in.Src)
		return []role.Effect{role.Send{Src: in.Dst, Dst: in.Src, Raw: raw}}
	}
	msg, err := mh.Parse(in.Raw)
	if err != nil {
		return nil
	}
	switch msg := msg.(type) {
	case *mh.HomeTestInit:
		return answer(&mh.HomeTest{Cookie: msg.Cookie})
	case *mh.CareOfTestInit:
		return answer(&mh.CareOfTest{Cookie: msg.Cookie})
	case *mh.BindingUpdate:
		c.id++
		return []role.Effect{role.SetDirect{ID: c.id, Direct: role.Direct{
			Pair: role.Pair{Local: in.Dst, Peer: in.HomeAddress}, Side: role.Theirs, CareOf: in.Src, Lifetime: msg.Lifetime,
		}}}
	}
	return nil
}
