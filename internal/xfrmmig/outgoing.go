package xfrmmig

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// outgoingPriority is that of the sub-policies that give protected signalling of a
// mobile node its Home Address option. It goes before all that is exempt.
const outgoingPriority = 8

// Outgoing has the kernel put the Home Address option into what a mobile node
// sends from a home address to its home agent. For unprotected messages the sender
// itself does; where the kernel encrypts them it has to see the home address as
// their source (RFC 3776 §4.2), so that the option can only come afterwards.
type Outgoing struct {
	conn  *Conn
	guard *Guard
	homes map[Endpoints]*from // by home address and home agent
}

// from is where signalling leaves from, if that is known.
type from struct {
	careOf netip.Addr // invalid: from the home link
	known  bool
}

// OpenOutgoing opens the applier in the current network namespace, for the
// signalling of home addresses that a guard protects. It needs CAP_NET_ADMIN.
func OpenOutgoing(g *Guard, list []Protection) (*Outgoing, error) {
	c, err := Dial()
	if err != nil {
		return nil, err
	}
	o := &Outgoing{conn: c, guard: g, homes: make(map[Endpoints]*from)}
	for _, p := range list {
		o.homes[Endpoints{p.HomeAddress, p.HomeAgent}] = new(from)
	}
	return o, nil
}

// Close releases the socket. What is set stays in force.
func (o *Outgoing) Close() error { return o.conn.Close() }

// Send prepares the kernel for a Binding Update of a protected home address, and
// returns it as it is to be handed over: from the home address. Others come back as
// they are. Keys that an IKE daemon was asked for in vain are asked for again.
func (o *Outgoing) Send(e role.Send) (role.Send, error) {
	if len(e.Raw) < 3 || e.Raw[2] != typeBindingUpdate {
		return e, nil
	}
	home, careOf := e.HomeAddress, e.Src
	if !home.IsValid() {
		home, careOf = e.Src, netip.Addr{}
	}
	if !o.protects(home, e.Dst) {
		return e, nil
	}
	err := errors.Join(o.guard.AskAgain(home), o.from(home, e.Dst, careOf))
	if !careOf.IsValid() {
		return e, err
	}
	// By whichever way the care-of address leads.
	e.Src, e.HomeAddress, e.Ifindex = e.HomeAddress, netip.Addr{}, 0
	return e, err
}

// SendICMP does the same for Mobile Prefix Solicitations.
func (o *Outgoing) SendICMP(e role.SendICMP) (role.SendICMP, error) {
	if len(e.Raw) == 0 || e.Raw[0] != typePrefixSolicitation || !o.protects(e.HomeAddress, e.Dst) {
		return e, nil
	}
	err := o.from(e.HomeAddress, e.Dst, e.Src)
	e.Src, e.HomeAddress, e.Ifindex = e.HomeAddress, netip.Addr{}, 0
	return e, err
}

func (o *Outgoing) protects(home, agent netip.Addr) bool {
	return o.homes[Endpoints{home, agent}] != nil
}

// from has what is sent next leave from a care-of address; an invalid one for the
// home link, where there is no option (RFC 6275 §11.5.5).
func (o *Outgoing) from(home, agent, careOf netip.Addr) error {
	at := o.homes[Endpoints{home, agent}]
	if at == nil || at.known && at.careOf == careOf {
		return nil
	}
	at.known = false // until it is in force
	state := State{Proto: ProtoHomeAddress, Src: home, Dst: agent, CareOf: careOf, Reqid: Reqid}
	if !careOf.IsValid() {
		var errs []error
		for _, p := range outgoing(home, agent) {
			errs = append(errs, o.conn.DeletePolicy(p))
		}
		if err := errors.Join(append(errs, o.conn.DeleteState(state))...); err != nil {
			return err
		}
		*at = from{careOf, true}
		return nil
	}
	if err := o.conn.SetState(state); err != nil {
		return err
	}
	for _, p := range outgoing(home, agent) {
		if err := o.conn.SetPolicy(p); err != nil {
			return err
		}
	}
	*at = from{careOf, true}
	return nil
}

// outgoing are the sub-policies: for Binding Updates and for Mobile Prefix
// Solicitations, for which alone the option is a must (RFC 3776 §4.2).
func outgoing(home, agent netip.Addr) []Policy {
	policy := func(proto, typ uint8) Policy {
		return Policy{
			Selector: Selector{Src: host(home), Dst: host(agent), Proto: proto, MHType: typ, HasType: true},
			Dir:      Out, Priority: outgoingPriority,
			Templates: []Template{{Proto: ProtoHomeAddress, Src: home, Dst: agent, Reqid: Reqid}},
		}
	}
	return []Policy{policy(unix.IPPROTO_MH, typeBindingUpdate), policy(unix.IPPROTO_ICMPV6, typePrefixSolicitation)}
}
