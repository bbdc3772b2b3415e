package xfrmmig

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Conn is an xfrm_user socket. Its setters are idempotent.
type Conn struct {
	nl *netlink.Conn
}

// Dial opens the socket in the current network namespace. It needs
// CAP_NET_ADMIN.
func Dial() (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if err != nil {
		return nil, fmt.Errorf("open an xfrm socket (does the kernel have xfrm_user?): %w", err)
	}
	return &Conn{nl}, nil
}

// Close releases the socket. What is set stays in force.
func (c *Conn) Close() error { return c.nl.Close() }

// portID is the netlink port by whose number the kernel tells of our own requests.
func (c *Conn) portID() (port uint32, err error) {
	raw, err := c.nl.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("look at the xfrm socket: %w", err)
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		sa, err := unix.Getsockname(int(fd))
		if nl, ok := sa.(*unix.SockaddrNetlink); ok {
			port = nl.Pid
		}
		inner = err
	})
	if err = errors.Join(err, inner); err != nil {
		return 0, fmt.Errorf("look at the xfrm socket: %w", err)
	}
	return port, nil
}

// SetState makes a state, or gives the one between the same addresses another
// care-of address, in one step: no packet meets none.
func (c *Conn) SetState(s State) error {
	err := c.do(msgNewSA, netlink.Create|netlink.Excl, s.encode())
	if errors.Is(err, unix.EEXIST) {
		err = c.do(msgUpdSA, netlink.Replace, s.encode())
	}
	if err != nil {
		return fmt.Errorf("set the xfrm state %s → %s of protocol %d: %w", s.Src, s.Dst, s.Proto, err)
	}
	return nil
}

// traffic says how many packets and octets a state has seen; it is false when
// there is no such state.
func (c *Conn) traffic(s State) (packets, octets uint64, ok bool, err error) {
	answer, err := c.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: msgGetSA, Flags: netlink.Request}, Data: s.encodeDelete(),
	})
	if errors.Is(err, unix.ESRCH) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, fmt.Errorf("look at the xfrm state %s → %s of protocol %d: %w", s.Src, s.Dst, s.Proto, err)
	}
	for _, m := range answer {
		if packets, octets, ok := decodeTraffic(m.Data); ok {
			return packets, octets, true, nil
		}
	}
	return 0, 0, false, nil
}

// DeleteState removes a state; that there is none is fine.
func (c *Conn) DeleteState(s State) error {
	if err := c.do(msgDelSA, 0, s.encodeDelete()); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("delete the xfrm state %s → %s of protocol %d: %w", s.Src, s.Dst, s.Proto, err)
	}
	return nil
}

// SetPolicy makes a policy, in place of one with the same selector, in one step.
func (c *Conn) SetPolicy(p Policy) error {
	if err := c.do(msgUpdPolicy, netlink.Replace, p.encode()); err != nil {
		return fmt.Errorf("set the xfrm policy %+v: %w", p.Selector, err)
	}
	return nil
}

// DeletePolicy removes a policy; that there is none is fine.
func (c *Conn) DeletePolicy(p Policy) error {
	if err := c.do(msgDelPolicy, 0, p.encodeDelete()); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete the xfrm policy %+v: %w", p.Selector, err)
	}
	return nil
}

func (c *Conn) do(typ netlink.HeaderType, flags netlink.HeaderFlags, body []byte) error {
	_, err := c.nl.Execute(netlink.Message{
		Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Acknowledge | flags},
		Data:   body,
	})
	return err
}

// Cleanup removes every state and security association with a reqid of ours and
// every policy of ours,
// whatever role and run have made them.
func (c *Conn) Cleanup() error {
	states, err := c.States()
	if err != nil {
		return err
	}
	policies, err := c.Policies()
	if err != nil {
		return err
	}
	sas, err := c.SAs()
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range states {
		if s.Reqid == Reqid {
			errs = append(errs, c.DeleteState(s))
		}
	}
	for _, s := range sas {
		if isESPReqid(s.Reqid) {
			errs = append(errs, c.deleteSA(s.SA))
		}
	}
	for _, p := range policies {
		if p.isOurs() {
			errs = append(errs, c.DeletePolicy(p))
		}
	}
	errs = append(errs, c.changeThresholds(agentThresholds, kernelThresholds))
	return errors.Join(errs...)
}

// isOurs says whether a policy carries our mark: all its templates do, or it has
// none and is one of those that keep signalling as it is.
func (p Policy) isOurs() bool {
	if len(p.Templates) == 0 {
		return isAcknowledgements(p) || slices.ContainsFunc(exemptions(), func(e Policy) bool {
			return e.Selector == p.Selector && e.Dir == p.Dir && e.Priority == p.Priority && e.IfID == p.IfID && e.Main == p.Main
		})
	}
	return isHeaderBefore(p) || !slices.ContainsFunc(p.Templates, func(t Template) bool {
		if t.Mode == RouteOptimization {
			return p.Main || t.Reqid != Reqid
		}
		return !p.Main || !isESPReqid(t.Reqid)
	})
}

// States lists the Mobile IPv6 states, ours and others'.
func (c *Conn) States() ([]State, error) {
	messages, err := c.dump(msgGetSA)
	if err != nil {
		return nil, fmt.Errorf("list the xfrm states: %w", err)
	}
	var list []State
	for _, m := range messages {
		if s, ok := decodeState(m.Data); ok {
			list = append(list, s)
		}
	}
	return list, nil
}

// Policies lists the policies of Mobile IPv6 and of ESP, ours and others'.
func (c *Conn) Policies() ([]Policy, error) {
	messages, err := c.dump(msgGetPolicy)
	if err != nil {
		return nil, fmt.Errorf("list the xfrm policies: %w", err)
	}
	var list []Policy
	for _, m := range messages {
		if p, ok := decodePolicy(m.Data); ok {
			list = append(list, p)
		}
	}
	return list, nil
}

func (c *Conn) dump(typ netlink.HeaderType) ([]netlink.Message, error) {
	return c.nl.Execute(netlink.Message{Header: netlink.Header{Type: typ, Flags: netlink.Request | netlink.Dump}})
}
