package xfrmmig

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// kernel is where a guard keeps policies and security associations: Conn, or Model.
type kernel interface {
	Close() error
	SetPolicy(Policy) error
	DeletePolicy(Policy) error
	Policies() ([]Policy, error)
	SAs() ([]UsedSA, error)
	setSA(SA) error
	getSA(SA) error
	deleteSA(SA) error
	Migrate([]Migration) error
	hashPolicies() error
}

// Model is a kernel's IPsec without a kernel, for simulations: what a guard sets, what
// a migration does, as Linux 6.1 has it, and what becomes of packets. It outlives the
// guards that use it, as a kernel does. The zero value is empty.
type Model struct {
	// Refuse is asked before each request; an error is its answer. nil: all are taken.
	Refuse func() error

	// NoMigration is a kernel built without.
	NoMigration bool

	policies []Policy
	sas      []UsedSA
}

// NewModelGuard makes a guard that keeps everything in a model.
func NewModelGuard(m *Model, end End) *Guard {
	return &Guard{conn: m, end: end, homes: make(map[netip.Addr]*guarded)}
}

// Close does nothing.
func (m *Model) Close() error { return nil }

func (m *Model) request() error {
	if m.Refuse == nil {
		return nil
	}
	return m.Refuse()
}

func samePolicy(a, b Policy) bool {
	return a.Selector == b.Selector && a.Dir == b.Dir && a.Main == b.Main && a.IfID == b.IfID
}

// SetPolicy makes a policy, in place of one with the same selector.
func (m *Model) SetPolicy(p Policy) error {
	if err := m.request(); err != nil {
		return err
	}
	p.Templates = slices.Clone(p.Templates)
	if i := slices.IndexFunc(m.policies, func(x Policy) bool { return samePolicy(x, p) }); i >= 0 {
		m.policies[i] = p
	} else {
		m.policies = append(m.policies, p)
	}
	return nil
}

// DeletePolicy removes a policy; that there is none is fine.
func (m *Model) DeletePolicy(p Policy) error {
	if err := m.request(); err != nil {
		return err
	}
	m.policies = slices.DeleteFunc(m.policies, func(x Policy) bool { return samePolicy(x, p) })
	return nil
}

// Policies lists them.
func (m *Model) Policies() ([]Policy, error) { return slices.Clone(m.policies), m.request() }

// SAs lists the associations.
func (m *Model) SAs() ([]UsedSA, error) { return slices.Clone(m.sas), m.request() }

func (m *Model) index(s SA) int {
	return slices.IndexFunc(m.sas, func(x UsedSA) bool { return x.SPI == s.SPI && x.Dst == s.Dst })
}

func (m *Model) setSA(s SA) error {
	if err := m.request(); err != nil {
		return err
	}
	if i := m.index(s); i >= 0 {
		m.sas[i] = UsedSA{SA: s}
	} else {
		m.sas = append(m.sas, UsedSA{SA: s})
	}
	return nil
}

func (m *Model) getSA(s SA) error {
	if err := m.request(); err != nil {
		return err
	}
	if m.index(s) < 0 {
		return unix.ESRCH
	}
	return nil
}

func (m *Model) deleteSA(s SA) error {
	if err := m.request(); err != nil {
		return err
	}
	if i := m.index(s); i >= 0 {
		m.sas = slices.Delete(m.sas, i, i+1)
	}
	return nil
}

// hashPolicies does nothing: a model is searched as fast as it is.
func (m *Model) hashPolicies() error { return nil }

// Migrate carries out migrations in their order, or none.
func (m *Model) Migrate(list []Migration) error { return migrate(m.migrate, list) }

func (m *Model) migrate(g Migration) error {
	switch err := m.request(); {
	case err != nil:
		return err
	case m.NoMigration:
		return unix.ENOPROTOOPT
	case g.New.Src.IsUnspecified() || g.New.Dst.IsUnspecified():
		return unix.EINVAL
	}
	i := slices.IndexFunc(m.policies, func(x Policy) bool {
		return x.Main && x.Selector == g.Selector && x.Dir == g.Dir && x.IfID == g.IfID
	})
	if i < 0 {
		return unix.ENOENT
	}
	k := slices.IndexFunc(m.policies[i].Templates, func(t Template) bool {
		return t.Reqid == g.Reqid && t.Mode == g.Mode && (Endpoints{t.Src, t.Dst}) == g.Old
	})
	if k < 0 {
		return unix.ENODATA
	}
	t := &m.policies[i].Templates[k]
	t.Src, t.Dst = g.New.Src, g.New.Dst
	for i := range m.sas { // where another policy has not taken it along already
		if s := &m.sas[i]; s.Reqid == g.Reqid && s.Mode == g.Mode && (Endpoints{s.Src, s.Dst}) == g.Old {
			s.Src, s.Dst = g.New.Src, g.New.Dst
		}
	}
	return nil
}

// Packet is what policies see of one.
type Packet struct {
	Src, Dst netip.Addr
	Proto    uint8
	Type     uint8 // of a Mobility Header or ICMPv6 message
}

func (s Selector) matches(p Packet) bool {
	return (!s.Src.IsValid() || s.Src.Contains(p.Src)) && (!s.Dst.IsValid() || s.Dst.Contains(p.Dst)) &&
		(s.Proto == 0 || s.Proto == p.Proto) && (!s.HasType || s.MHType == p.Type)
}

// policy is the one for a packet: of those that match, the one with the lowest
// priority; nil: none.
func (m *Model) policy(d Dir, p Packet) *Policy {
	var best *Policy
	for i := range m.policies {
		if x := &m.policies[i]; x.Dir == d && x.Selector.matches(p) && (best == nil || x.Priority < best.Priority) {
			best = x
		}
	}
	return best
}

func (t Template) fits(s SA) bool {
	return t.Reqid == s.Reqid && t.Mode == s.Mode && t.Src == s.Src && t.Dst == s.Dst
}

// Output says through which association a packet leaves; clear: there is no policy that
// wants one. A packet without either is dropped.
func (m *Model) Output(p Packet) (through *SA, clear bool) {
	policy := m.policy(Out, p)
	if policy == nil || len(policy.Templates) == 0 {
		return nil, true
	}
	for i := range m.sas {
		if policy.Templates[0].fits(m.sas[i].SA) {
			s := m.sas[i].SA
			return &s, false
		}
	}
	return nil, false
}

// Open is the association of a packet of ESP that has come; nil: there is none.
func (m *Model) Open(dst netip.Addr, spi uint32) *SA {
	if i := m.index(SA{Dst: dst, SPI: spi}); i >= 0 {
		s := m.sas[i].SA
		return &s
	}
	return nil
}

// Input says whether a packet is let in, to us or through us, that has come in an
// association, or in clear.
func (m *Model) Input(d Dir, p Packet, through *SA) bool {
	policy := m.policy(d, p)
	if policy == nil || len(policy.Templates) == 0 {
		return through == nil || through.Mode == Transport
	}
	return through != nil && policy.Templates[0].fits(*through)
}
