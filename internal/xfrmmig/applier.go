package xfrmmig

import (
	"errors"
	"fmt"

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

// SetState makes a state, in place of one between the same addresses.
func (c *Conn) SetState(s State) error {
	err := c.do(msgNewSA, netlink.Create|netlink.Excl, s.encode())
	if errors.Is(err, unix.EEXIST) {
		if err = c.DeleteState(s); err == nil {
			err = c.do(msgNewSA, netlink.Create|netlink.Excl, s.encode())
		}
	}
	if err != nil {
		return fmt.Errorf("set the xfrm state %s → %s of protocol %d: %w", s.Src, s.Dst, s.Proto, err)
	}
	return nil
}

// DeleteState removes a state; that there is none is fine.
func (c *Conn) DeleteState(s State) error {
	if err := c.do(msgDelSA, 0, s.encodeDelete()); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("delete the xfrm state %s → %s of protocol %d: %w", s.Src, s.Dst, s.Proto, err)
	}
	return nil
}

// SetPolicy makes a policy, in place of one with the same selector.
func (c *Conn) SetPolicy(p Policy) error {
	err := c.do(msgNewPolicy, netlink.Create|netlink.Excl, p.encode())
	if errors.Is(err, unix.EEXIST) {
		if err = c.DeletePolicy(p); err == nil {
			err = c.do(msgNewPolicy, netlink.Create|netlink.Excl, p.encode())
		}
	}
	if err != nil {
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
