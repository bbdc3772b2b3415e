package directspeed

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/xfrmmig"
	"mip6d/test/testkernel"
)

// TestKernelDeviceFollowsTheCareOfAddress moves a mobile node under a transfer
// that goes by xfrm interfaces: as without them, a change of the states is all
// there is to do.
func TestKernelDeviceFollowsTheCareOfAddress(t *testing.T) {
	testkernel.Require(t)
	w := newWorld(t)
	w.steer()
	w.take(device)
	second := careOf.Next()
	w.mn.Address("eth0", second.String()+"/64")
	moved := make(chan error, 1)
	go func() {
		time.Sleep(time.Second)
		fromMN, fromCN := states(second)
		in := errors.Join(w.xcn.SetState(fromMN), w.xmn.SetState(fromCN))
		fromMN.IfID, fromCN.IfID = ifID, ifID
		moved <- errors.Join(in, w.xmn.SetState(fromMN), w.xcn.SetState(fromCN),
			w.mn.NL.AddrDel(w.mn.Link("eth0"), &netlink.Addr{IPNet: &net.IPNet{IP: careOf.AsSlice(), Mask: net.CIDRMask(64, 128)}}))
	}()
	for _, toCN := range []bool{true, false} {
		r, err := w.flow(device, toCN, 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r)
		if toCN {
			w.must(<-moved)
		}
	}
}

// TestKernelDeviceWithoutAPolicySaysSo: while the route leads to the interface, a
// missing policy is an error and no way round by the home agent. A route must
// not outlive the policy.
func TestKernelDeviceWithoutAPolicySaysSo(t *testing.T) {
	testkernel.Require(t)
	w := newWorld(t)
	w.take(device)
	w.must(w.xmn.Cleanup())
	_, err := w.flow(device, true, time.Second)
	if !errors.Is(err, unix.EHOSTUNREACH) && !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("connect: %v, want that the peer is unreachable", err)
	}
}

// TestKernelDeviceAtOneEnd: a mobile node may send by an interface to a peer that
// has none, and what that saves is seen in what TCP hands down.
func TestKernelDeviceAtOneEnd(t *testing.T) {
	testkernel.Require(t)
	w := newWorld(t)
	w.steer()
	w.take(device)
	w.must(w.cn.NL.LinkDel(w.cn.Link("mip6x")))
	_, fromCN := states(careOf)
	w.must(w.xcn.DeleteState(fromCN)) // an update does not take the interface's number away
	w.sendOut(w.xcn, fromCN)
	for toCN, whole := range map[bool]bool{true: true, false: false} {
		r, err := w.flow(device, toCN, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(r)
		if packets, segments := r.counters["from.Ip6OutRequests"], r.counters["from.TcpOutSegs"]; packets < segments/4 != whole {
			t.Errorf("to the CN %v: %d packets for %d segments", toCN, packets, segments)
		}
	}
}

// states are both directions' for a care-of address, without an interface.
func states(careOf netip.Addr) (fromMN, fromCN xfrmmig.State) {
	s := xfrmmig.State{CareOf: careOf, Reqid: xfrmmig.Reqid}
	fromMN, fromCN = s, s
	fromMN.Proto, fromMN.Src, fromMN.Dst = xfrmmig.ProtoHomeAddress, homeAddress, peer
	fromCN.Proto, fromCN.Src, fromCN.Dst = xfrmmig.ProtoRouting, peer, homeAddress
	return fromMN, fromCN
}
