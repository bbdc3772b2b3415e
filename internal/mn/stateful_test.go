package mn

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var hoa2 = netip.MustParsePrefix("2001:db8:1::200/64")

func statefulParams() Params {
	p := defaultParams()
	p.Homes[0].HomeAddress, p.Homes[0].Stateful, p.Homes[0].Fixed = homeNet, true, true
	return p
}

// given is what the kernel tells of an address that a DHCPv6 client has set.
func given(ifindex int, a netip.Prefix, valid time.Duration) role.AddressReady {
	return role.AddressReady{Ifindex: ifindex, Addr: a.Addr(), Lease: valid}
}

// leasedAtHome has been given hoa at home, for ten minutes.
func leasedAtHome(t *testing.T) *bed {
	t.Helper()
	b := started(t, statefulParams())
	b.step(up(eth))
	b.step(homeRA(eth))
	b.step(given(eth, hoa, 600*time.Second))
	if p := b.path(); p.Mode != role.PathHome || p.HomeAddress != hoa || p.Lease != 600*time.Second {
		t.Fatalf("path %+v", p)
	}
	return b
}

// leasedAway has gone to netA with that, and is registered.
func leasedAway(t *testing.T) *bed {
	t.Helper()
	b := leasedAtHome(t)
	b.step(down(eth), role.AddressGone{Ifindex: eth, Addr: hoa.Addr()}, up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; v.State != "away" || !v.Registered || v.HomeAddress != hoa {
		t.Fatalf("%+v", v)
	}
	return b
}

func (b *bed) told(text string) bool {
	for _, n := range b.notices {
		if n.Kind == role.NoticeHomeAddress && n.Text == text {
			return true
		}
	}
	return false
}

const leaseEnded = "the home address is not used any more: its DHCPv6 lease has ended"

// TestStatefulWaitsForAnAddressAtHome: what is set elsewhere, or on an interface that is not
// managed, or is of another prefix, or is no client's, is no home address.
func TestStatefulWaitsForAnAddressAtHome(t *testing.T) {
	b := started(t, statefulParams())
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].State != "waiting" || v[0].HomeAddress != homeNet || v[0].Mode != role.PathNone {
		t.Errorf("%+v", v)
	}
	if v := b.m.Interfaces(b.now)[0]; v.CareOf != coaA {
		t.Errorf("without a home address there is no other either: %+v", v)
	}
	b.step(given(eth, hoa, time.Hour))
	b.step(given(99, hoa2, time.Hour))
	if len(b.paths)+len(b.bus) > 0 {
		t.Fatalf("adopted on a foreign link: %v", b.paths)
	}
	// The address stays on the interface, and we come home with it.
	b.step(down(eth), up(eth))
	b.step(given(eth, netip.MustParsePrefix("2001:db8:77::1/64"), time.Hour), role.AddressReady{Ifindex: eth, Addr: hoa2.Addr()})
	b.step(homeRA(eth))
	if p := b.path(); p.HomeAddress != hoa || p.Mode != role.PathHome {
		t.Errorf("%+v", p)
	}
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].State != "home" {
		t.Errorf("%+v", v)
	}
}

// TestStatefulIsKeptAway: the client takes its own away with the link.
func TestStatefulIsKeptAway(t *testing.T) {
	b := leasedAway(t)
	if p := b.path(); p.Mode != role.PathTunnelled || p.HomeAddress != hoa {
		t.Errorf("%+v", p)
	}
	// A client that has it again abroad says nothing about home.
	b.step(given(eth, hoa, 2*time.Hour))
	b.wait(601 * time.Second)
	if !b.told(leaseEnded) {
		t.Error("the lease was prolonged abroad")
	}
}

// TestRFC6275_11_7_1_LifetimeWithinTheLease: not longer than the home address is valid.
//
// Requirements: 6275-11.7.1-11
func TestRFC6275_11_7_1_LifetimeWithinTheLease(t *testing.T) {
	b := leasedAway(t)
	end := t0.Add(600 * time.Second)
	for b.now.Before(end) {
		b.wait(time.Second)
		if v := b.m.Bindings(b.now)[0]; v.Waiting {
			b.ack(mh.StatusAccepted)
		}
	}
	for _, s := range b.bus[:len(b.bus)-1] {
		if over := s.at.Add(s.bu.Lifetime).Sub(end); over > 0 && s.bu.Lifetime > lifetimeUnit {
			t.Errorf("at %v asks for %v", s.at.Sub(t0), s.bu.Lifetime)
		}
	}
	if len(b.bus) < 3 || !b.told(leaseEnded) {
		t.Fatalf("%d Binding Updates, notices %+v", len(b.bus), b.notices)
	}
	if s := b.lastBU(); s.bu.Lifetime != 0 || s.at != end {
		t.Errorf("at %v not de-registered, but asked for %v", s.at.Sub(t0), s.bu.Lifetime)
	}
	if p := b.path(); p.Mode != role.PathNone {
		t.Errorf("%v", p.Mode)
	}
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].State != "waiting" {
		t.Errorf("%+v", v)
	}
	if len(b.leases) > 0 {
		t.Errorf("stored: %+v", b.leases)
	}
	// The same address, and the next time.
	b.step(down(eth), up(eth))
	b.step(homeRA(eth))
	b.step(given(eth, hoa, time.Hour))
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].State != "home" || v[0].HomeAddress != hoa {
		t.Errorf("%+v", v)
	}
}

// TestStatefulIsProlongedAtHome, and made shorter.
func TestStatefulIsProlongedAtHome(t *testing.T) {
	b := leasedAtHome(t)
	paths := len(b.paths)
	b.wait(300 * time.Second)
	b.step(given(eth, hoa, 900*time.Second))
	if !b.told("DHCPv6 has prolonged the home address") || !b.leases[homeNet].Until.Equal(b.now.Add(900*time.Second)) {
		t.Errorf("%+v", b.leases)
	}
	stores := b.stores
	b.step(given(eth, hoa, 899*time.Second)) // something else of the address has changed
	if b.stores != stores {
		t.Error("stored again")
	}
	b.step(given(eth, hoa, 901*time.Second))
	b.wait(899 * time.Second)
	if b.told(leaseEnded) || len(b.paths) != paths {
		t.Errorf("ended early: %v", b.paths[paths:])
	}
	b.wait(1500 * time.Millisecond) // the kernel's copy may last a second longer
	if !b.told(leaseEnded) {
		t.Error("not ended")
	}
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].State != "waiting" {
		t.Errorf("%+v", v)
	}
	b.notices = nil
	b.step(given(eth, hoa, role.Infinite))
	b.wait(10 * time.Hour)
	if b.told(leaseEnded) || b.leases[homeNet].HomeAddress != hoa || !b.leases[homeNet].Until.IsZero() {
		t.Errorf("without end: %+v", b.leases)
	}
}

// TestStatefulIsReplacedAtHome: by the latest, once the binding of the one before is gone.
func TestStatefulIsReplacedAtHome(t *testing.T) {
	b := leasedAway(t)
	b.step(down(eth), up(eth))
	b.step(homeRA(eth))
	b.step(given(eth, hoa2, 700*time.Second))
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].HomeAddress != hoa || v[0].State != "deregistering" {
		t.Fatalf("%+v", v)
	}
	b.ack(mh.StatusAccepted)
	if s := b.lastBU(); s.bu.Lifetime != 0 || s.send.Src != hoa.Addr() {
		t.Errorf("%+v", s)
	}
	v := b.m.Bindings(b.now)
	if len(v) != 1 || v[0].HomeAddress != hoa2 || v[0].State != "home" {
		t.Errorf("%+v", v)
	}
	var last role.HomePath // of the one before
	for _, p := range b.paths {
		if p.HomeAddress == hoa {
			last = p
		}
	}
	if last.Mode != role.PathNone || b.leases[homeNet].HomeAddress != hoa2 {
		t.Errorf("path %v, stored %+v", last.Mode, b.leases)
	}
	// One that is in use goes before a later one.
	b.step(given(eth, hoa, time.Hour))
	if v := b.m.Bindings(b.now); len(v) != 1 || v[0].HomeAddress != hoa2 {
		t.Errorf("%+v", v)
	}
}

// TestStatefulOutlivesTheRun: a mobile node that begins away from home registers the address
// that it was given in an earlier run, until its end.
func TestStatefulOutlivesTheRun(t *testing.T) {
	b := leasedAtHome(t).crash()
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	if s := b.lastBU(); s.send.HomeAddress != hoa.Addr() || s.bu.Lifetime != 400*time.Second {
		t.Errorf("%+v", s)
	}
	b.ack(mh.StatusAccepted)
	b.now = b.now.Add(601 * time.Second)
	late := b.crash()
	if v := late.m.Bindings(late.now); len(v) != 1 || v[0].State != "waiting" || len(late.leases) > 0 {
		t.Errorf("%+v, stored %+v", v, late.leases)
	}
	// Of a home that is not configured any more.
	b = leasedAtHome(t)
	b.m.p = defaultParams()
	if next := b.crash(); len(next.leases) > 0 {
		t.Errorf("%+v", next.leases)
	}
}

// TestStatefulIsStoredWhenTheStoreIsBack.
func TestStatefulIsStoredWhenTheStoreIsBack(t *testing.T) {
	b := started(t, statefulParams())
	b.storeErr = errors.New("no space left on device")
	b.step(up(eth), homeRA(eth), given(eth, hoa, 600*time.Second))
	if b.path().Mode != role.PathHome || len(b.leases) > 0 {
		t.Fatalf("%v %v", b.path().Mode, b.leases)
	}
	b.storeErr = nil
	b.wait(2 * time.Second)
	if len(b.leases) != 1 {
		t.Error("not stored")
	}
}
