package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

func listXFRM(s *scratch) error {
	c, err := s.states()
	if err != nil {
		return err
	}
	if _, err := c.States(); err != nil {
		return err
	}
	_, err = c.Policies()
	return err
}

func homeAddressStates(s *scratch) error {
	return state(s, xfrmmig.State{Proto: xfrmmig.ProtoHomeAddress, Src: homeAddress, Dst: peer, CareOf: careOf, Reqid: xfrmmig.Reqid})
}

func routingHeaderStates(s *scratch) error {
	return state(s, xfrmmig.State{Proto: xfrmmig.ProtoRouting, Src: peer, Dst: homeAddress, CareOf: careOf, Reqid: xfrmmig.Reqid})
}

// state makes a state, moves it, and takes it back.
func state(s *scratch, x xfrmmig.State) error {
	c, err := s.states()
	if err != nil {
		return err
	}
	if err := c.SetState(x); err != nil {
		return err
	}
	x.CareOf = careOf2
	return errors.Join(c.SetState(x), c.DeleteState(x))
}

// subPolicies makes a policy and sees whether it is listed as what it is.
func subPolicies(s *scratch) error {
	c, err := s.states()
	if err != nil {
		return err
	}
	p := xfrmmig.Policy{
		Selector: xfrmmig.Selector{Src: netip.PrefixFrom(homeAddress, 128), Dst: netip.PrefixFrom(peer, 128)}, Dir: xfrmmig.Out,
		Templates: []xfrmmig.Template{{Proto: xfrmmig.ProtoHomeAddress, Src: homeAddress, Dst: peer, Reqid: xfrmmig.Reqid}},
	}
	if err := c.SetPolicy(p); err != nil {
		return err
	}
	list, err := c.Policies()
	if err == nil {
		err = errors.New("the policy is there, but not as one of type sub")
		for _, found := range list {
			if found.Selector == p.Selector {
				err = nil
			}
		}
	}
	return errors.Join(err, c.DeletePolicy(p))
}

func headerSockets(*scratch) error {
	mh, err := mhsock.ListenMH(nil, nil)
	if err != nil {
		return err
	}
	defer mh.Close()
	icmp, err := mhsock.ListenICMP(nil)
	if err != nil {
		return err
	}
	defer icmp.Close()
	return icmp.Admit(xfrmmig.SocketPolicy())
}

// A packet over loopback is there at once or never, but for one thing: the local
// route of a home address comes some time after the address. So it is sent again.
const (
	passTimeout = 3 * time.Second
	passAgain   = 50 * time.Millisecond
)

// extensionHeaders sends a Binding Update with a Home Address option and a Binding
// Acknowledgement with a type 2 routing header to ourselves.
func extensionHeaders(s *scratch) error {
	c, err := s.states()
	if err != nil {
		return err
	}
	t, err := s.rtnl()
	if err != nil {
		return err
	}
	const loopback = 1 // the interface index that every namespace begins with
	local := netip.IPv6Loopback()
	if err := errors.Join(
		c.Set(xfrmmig.CorrespondentSignalling()), c.Set(xfrmmig.MobileNodeSignalling()), t.HomeAddress(homeAddress, loopback),
	); err != nil {
		return err
	}
	mh, err := mhsock.ListenMH(nil, nil)
	if err != nil {
		return err
	}
	defer mh.Close()
	ctx, cancel := context.WithTimeout(context.Background(), passTimeout)
	defer cancel()
	heard, done := make(chan role.MessageIn), make(chan error, 1)
	go func() {
		done <- mh.Run(ctx, func(e role.Event) {
			if m, ok := e.(role.MessageIn); ok {
				select {
				case heard <- m:
				case <-ctx.Done():
				}
			}
		})
	}()
	defer func() { cancel(); <-done }()
	for _, try := range []struct {
		what string
		send role.Send
		ok   func(role.MessageIn) bool
	}{
		{
			"a Binding Update with a Home Address option",
			role.Send{Src: local, Dst: local, HomeAddress: peer, Raw: []byte{59, 1, 5, 0, 0, 0, 0, 1, 0x80, 0, 0, 1, 1, 2, 0, 0}},
			func(m role.MessageIn) bool { return m.HomeAddress == peer },
		},
		{
			"a Binding Acknowledgement with a type 2 routing header",
			role.Send{Src: local, Dst: local, RoutingHome: homeAddress, Raw: []byte{59, 1, 6, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 0, 0}},
			func(m role.MessageIn) bool { return m.RoutingHome == homeAddress },
		},
	} {
		if err := pass(ctx, mh, heard, try.send, try.ok); err != nil {
			return fmt.Errorf("%s: %w", try.what, err)
		}
	}
	return nil
}

// pass sends a message until one comes that is right.
func pass(ctx context.Context, mh *mhsock.MH, heard <-chan role.MessageIn, m role.Send, ok func(role.MessageIn) bool) error {
	again := time.NewTicker(passAgain)
	defer again.Stop()
	for {
		if err := mh.Send(m); err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case got := <-heard:
				if ok(got) {
					return nil
				}
			case <-again.C:
				waiting = false
			case <-ctx.Done():
				return errors.New("it was sent over loopback again and again, and did not come as it should")
			}
		}
	}
}
