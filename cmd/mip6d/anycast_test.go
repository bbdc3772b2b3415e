package main

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"mip6d/internal/homelink"
)

// kernelAnycasts is a kernel that takes each address once and refuses some.
type kernelAnycasts struct {
	there   []anycast
	refused netip.Addr
}

func (k *kernelAnycasts) JoinAnycast(ifindex int, a netip.Addr) error {
	x := anycast{ifindex, a}
	if a == k.refused || slices.Contains(k.there, x) {
		return errors.New("refused")
	}
	k.there = append(k.there, x)
	return nil
}

func (k *kernelAnycasts) LeaveAnycast(ifindex int, a netip.Addr) error {
	at := slices.Index(k.there, anycast{ifindex, a})
	if at < 0 {
		return errors.New("not there")
	}
	k.there = slices.Delete(k.there, at, at+1)
	return nil
}

func TestAnycastAddressesThatTheKernelRefuses(t *testing.T) {
	one, two, three := netip.MustParseAddr("2001:db8:1::fe"), netip.MustParseAddr("2001:db8:2::fe"), netip.MustParseAddr("2001:db8:3::fe")
	kernel := &kernelAnycasts{refused: two}
	k := &anycasts{on: kernel}
	if err := k.keep([]anycast{{7, one}}); err != nil {
		t.Fatal(err)
	}
	want := []anycast{{7, two}, {8, three}}
	if err := k.keep(want); err == nil {
		t.Fatal("no error")
	}
	if !slices.Contains(kernel.there, anycast{7, one}) {
		t.Error("the old one was given up although the new one isn't there")
	}
	kernel.refused = netip.Addr{}
	if err := k.keep(want); err != nil { // as another reload would
		t.Fatal(err)
	}
	if !slices.Equal(kernel.there, []anycast{{8, three}, {7, two}}) {
		t.Errorf("%v", kernel.there)
	}
}

func TestAnycastAddressesAreTakenAgain(t *testing.T) {
	one, two := netip.MustParseAddr("2001:db8:1::fe"), netip.MustParseAddr("2001:db8:2::fe")
	kernel := &kernelAnycasts{}
	k := &anycasts{on: kernel}
	if err := k.keep([]anycast{{7, one}, {8, two}}); err != nil {
		t.Fatal(err)
	}
	if err := k.again(7); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kernel.there, []anycast{{8, two}, {7, one}}) {
		t.Errorf("%v", kernel.there)
	}
	kernel.there = nil // the interface is not there any more
	kernel.refused = one
	if err := k.again(7); err == nil {
		t.Error("no error")
	}
	kernel.refused = netip.Addr{}
	if err := k.keep([]anycast{{7, one}, {8, two}}); err != nil || !slices.Contains(kernel.there, anycast{7, one}) {
		t.Errorf("not taken at the next reload: %v", err)
	}
}

// Seven bits are the identifier (RFC 2526 §2). In a longer prefix there is no room for
// it, and the address would be somebody else's.
func TestNoAnycastAddressOfAPrefixWithoutRoomForIt(t *testing.T) {
	var p homelink.Params
	for _, s := range []string{"2001:db8:1::/64", "2001:db8:2::/121", "2001:db8:3::/122", "2001:db8:4::40/122", "2001:db8:5::/127"} {
		p.Links = append(p.Links, homelink.Link{Ifindex: 7, Prefixes: []homelink.Prefix{{Prefix: netip.MustParsePrefix(s)}}})
	}
	want := []anycast{{7, netip.MustParseAddr("2001:db8:1::fdff:ffff:ffff:fffe")}, {7, netip.MustParseAddr("2001:db8:2::7e")}}
	if got := anycastsOf(p); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
