package netmon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

var (
	addr   = netip.MustParseAddr("2001:db8:f1::5")
	router = netip.MustParseAddr("fe80::1")
)

func eth0(up bool, ups uint32) linkNews {
	return linkNews{ifindex: 2, name: "eth0", up: up, ups: ups, linkAddr: []byte{2, 0, 0, 0, 0, 1}}
}

func addrWith(flags uint32, gone bool) addrNews {
	return addrNews{gone: gone, ifindex: 2, addr: addr, flags: flags}
}

func TestNewsBecomeEvents(t *testing.T) {
	up := role.LinkUp{Ifindex: 2, Name: "eth0", LinkAddr: []byte{2, 0, 0, 0, 0, 1}}
	down := role.LinkDown{Ifindex: 2}
	ready := role.AddressReady{Ifindex: 2, Addr: addr}
	failed, kept := role.DADFailed{Ifindex: 2, Addr: addr}, role.DADFailed{Ifindex: 2, Addr: addr, Kept: true}
	gone := role.AddressGone{Ifindex: 2, Addr: addr}
	const (
		tentative  = unix.IFA_F_TENTATIVE
		optimistic = unix.IFA_F_TENTATIVE | unix.IFA_F_OPTIMISTIC | unix.IFA_F_NOPREFIXROUTE
		duplicate  = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED
	)
	for _, c := range []struct {
		name string
		news []any
		want []role.Event
	}{
		{"a link comes up", []any{eth0(false, 0), eth0(true, 1)}, []role.Event{up}},
		{"a change of something else is no event", []any{eth0(true, 1), eth0(true, 1)}, []role.Event{up}},
		{"a link goes down", []any{eth0(true, 1), eth0(false, 1)}, []role.Event{up, down}},
		{"the carrier flapped between two messages", []any{eth0(true, 1), eth0(true, 2)}, []role.Event{up, up}},
		{"an interface is deleted", []any{eth0(true, 1), linkNews{gone: true, ifindex: 2}}, []role.Event{up, down}},
		{"another's interface", []any{linkNews{ifindex: 3, name: "docker0", up: true, ups: 1}}, nil},
		{"an address after its detection", []any{addrWith(tentative, false), addrWith(0, false)}, []role.Event{ready}},
		{"an optimistic address is ready at once", []any{addrWith(optimistic, false), addrWith(unix.IFA_F_NOPREFIXROUTE, false)}, []role.Event{ready}},
		{"detection fails and the address is deleted", []any{addrWith(optimistic, false), addrWith(duplicate, true)}, []role.Event{ready, failed}},
		{"detection fails and the address stays", []any{addrWith(tentative, false), addrWith(duplicate, false), addrWith(duplicate, false)}, []role.Event{kept}},
		{"a person deletes an address that failed", []any{addrWith(duplicate, false), addrWith(duplicate, true)}, []role.Event{kept, gone}},
		{"an address that failed is tried again", []any{addrWith(duplicate, false), addrWith(tentative, false), addrWith(0, false)}, []role.Event{kept, ready}},
		{"an address is deleted", []any{addrWith(0, false), addrWith(0, true)}, []role.Event{ready, gone}},
		{"a router is given up", []any{neighNews{2, router, true}}, []role.Event{role.RouterUnreachable{Ifindex: 2, Router: router}}},
		{"a router answers", []any{neighNews{2, router, false}}, nil},
		{"a host is given up", []any{neighNews{2, addr, true}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newState(func(name string) bool { return name == "eth0" })
			var got []role.Event
			for _, n := range c.news {
				if ev := s.take(n); ev != nil {
					got = append(got, ev)
				}
			}
			if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWhatDHCPv6ClientsSetIsALease, and nothing that others set.
func TestWhatDHCPv6ClientsSetIsALease(t *testing.T) {
	lease := addrNews{ifindex: 2, addr: addr, bits: 128, valid: 600}
	with := func(f func(*addrNews)) addrNews {
		n := lease
		f(&n)
		return n
	}
	for _, c := range []struct {
		name string
		news addrNews
		want time.Duration
	}{
		{"a client's", lease, 10 * time.Minute},
		{"a client's that marks its own", with(func(n *addrNews) { n.proto, n.flags = 4, unix.IFA_F_NOPREFIXROUTE }), 10 * time.Minute},
		{"a client's, without end", with(func(n *addrNews) { n.valid, n.flags = forever, unix.IFA_F_PERMANENT }), role.Infinite},
		{"with the prefix's length", with(func(n *addrNews) { n.bits = 64 }), 0},
		{"by the kernel", with(func(n *addrNews) { n.proto = 2 }), 0},
		{"temporary", with(func(n *addrNews) { n.flags = unix.IFA_F_TEMPORARY }), 0},
		{"our home address", with(func(n *addrNews) { n.flags = unix.IFA_F_HOMEADDRESS }), 0},
		{"link-local", with(func(n *addrNews) { n.addr = router }), 0},
	} {
		s := newState(func(string) bool { return true })
		want := role.AddressReady{Ifindex: 2, Addr: c.news.addr, Lease: c.want}
		if got := s.take(c.news); got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
		if again := s.take(c.news); (again == nil) != (c.want == 0) {
			t.Errorf("%s, once more: %+v", c.name, again)
		}
	}
	s := newState(func(string) bool { return true })
	if ev := s.take(with(func(n *addrNews) { n.flags = unix.IFA_F_TENTATIVE })); ev != nil {
		t.Errorf("before its detection has ended: %+v", ev)
	}
}

// TestDecodeAddress with all that leases are told by.
func TestDecodeAddress(t *testing.T) {
	a := addr.As16()
	b := append([]byte{unix.AF_INET6, 128, 0, 0, 2, 0, 0, 0, 20, 0, 1, 0}, a[:]...)
	b = append(b, 20, 0, 6, 0, 0x2c, 1, 0, 0, 0x58, 2, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0) // preferred 300 s, valid 600 s
	b = append(b, 8, 0, 8, 0, 0, 2, 0, 0)                                            // NOPREFIXROUTE
	b = append(b, 5, 0, 11, 0, 4, 0, 0, 0)
	want := addrNews{ifindex: 2, addr: addr, bits: 128, flags: unix.IFA_F_NOPREFIXROUTE, proto: 4, valid: 600}
	if got := decodeMessage(unix.RTM_NEWADDR, b); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestResyncTellsWhatWasMissed: news were lost, and the whole picture is told
// as if they had come.
func TestResyncTellsWhatWasMissed(t *testing.T) {
	s := newState(func(string) bool { return true })
	s.take(eth0(true, 1))
	s.take(linkNews{ifindex: 3, name: "eth1", up: true, ups: 1})
	s.take(addrWith(0, false))
	got := s.resync([]linkNews{eth0(true, 2)}, nil)
	want := []role.Event{
		role.LinkUp{Ifindex: 2, Name: "eth0", LinkAddr: []byte{2, 0, 0, 0, 0, 1}},
		role.LinkDown{Ifindex: 3},
		role.AddressGone{Ifindex: 2, Addr: addr},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if again := s.resync([]linkNews{eth0(true, 2)}, nil); len(again) != 0 {
		t.Errorf("told again: %v", again)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(uint16(unix.RTM_NEWLINK), make([]byte, unix.SizeofIfInfomsg))
	f.Add(uint16(unix.RTM_NEWADDR), append([]byte{unix.AF_INET6, 64, 0, 0, 2, 0, 0, 0, 20, 0, 1, 0}, make([]byte, 16)...))
	f.Add(uint16(unix.RTM_NEWNEIGH), append([]byte{unix.AF_INET6, 0, 0, 0, 2, 0, 0, 0, 32, 0, 0, 0, 20, 0, 1, 0}, make([]byte, 16)...))
	f.Fuzz(func(t *testing.T, typ uint16, b []byte) {
		s := newState(func(string) bool { return true })
		s.take(decodeMessage(typ, b))
	})
}
