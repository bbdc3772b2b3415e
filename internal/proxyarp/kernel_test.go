package proxyarp

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"mip6d/internal/role"
	"mip6d/test/nslab"
	"mip6d/test/testkernel"
)

// bed is a home link with a home agent and a host.
type bed struct {
	t        *testing.T
	ha, host *nslab.Node
	links    *Links
	ifindex  int

	mu     sync.Mutex
	counts map[role.Counter]int
}

func newBed(t *testing.T) *bed {
	testkernel.Require(t)
	b := &bed{t: t, ha: nslab.NewNode(t, "ha"), host: nslab.NewNode(t, "host"), counts: make(map[role.Counter]int)}
	nslab.Join(t, b.ha, "lan", b.host, "lan")
	b.ha.Address("lan", "192.0.2.1/24")
	b.host.Address("lan", host4.String()+"/24")
	b.ha.Sysctl("net/ipv4/ip_forward", "1")
	b.ifindex = b.ha.Index("lan")
	var err error
	b.ha.Do(func() {
		b.links, err = Open([]int{b.ifindex}, func(c role.Counter) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.counts[c]++
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.links.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := b.links.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// asks has the host look for an address, and returns what it has found after a while.
func (b *bed) asks(a netip.Addr, wait time.Duration) string {
	b.t.Helper()
	b.host.Do(func() {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
		if err != nil {
			b.t.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte("who are you?"))
	})
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if mac := b.knows(a); mac != "" {
			return mac
		}
	}
	return ""
}

// knows is the link-layer address that the host has for an address.
func (b *bed) knows(a netip.Addr) (mac string) {
	b.t.Helper()
	ifindex := b.host.Index("lan")
	b.host.Do(func() {
		list, err := netlink.NeighList(ifindex, netlink.FAMILY_V4)
		if err != nil {
			b.t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(n netlink.Neigh) bool { return n.IP.Equal(a.AsSlice()) })
		if i >= 0 && list[i].State&(netlink.NUD_REACHABLE|netlink.NUD_STALE|netlink.NUD_DELAY|netlink.NUD_PROBE) != 0 {
			mac = list[i].HardwareAddr.String()
		}
	})
	return mac
}

func (b *bed) set(home string, a netip.Addr) {
	b.t.Helper()
	if errs := b.links.Set([]role.Binding{{HomeAddress: netip.MustParseAddr(home), IPv4HomeAddress: a, Ifindex: b.ifindex}}); errs != nil {
		b.t.Fatal(errs)
	}
}

// RFC 5555 §4.5: "a home agent must also act as a proxy for address resolution in IPv4".
func TestKernelRFC5555_4_5_RequestsAreAnswered(t *testing.T) {
	b := newBed(t)
	const long, short = 5 * time.Second, 300 * time.Millisecond
	mac := b.ha.MAC("lan").String()
	if got := b.asks(hoa4, short); got != "" {
		t.Fatalf("%s answers for what nobody has bound", got)
	}
	b.set("2001:db8:1::100", hoa4)
	if got := b.asks(hoa4, long); got != mac {
		t.Errorf("found at %q, want %s", got, mac)
	}
	if got := b.asks(hoa4.Next(), short); got != "" {
		t.Errorf("%s answers for another address", got)
	}

	b.set("2001:db8:1::100", hoa4.Next().Next()) // it has another one now
	if got := b.asks(hoa4.Next().Next(), long); got != mac {
		t.Errorf("the new one is found at %q", got)
	}
	if b.links.defends(place{b.ifindex, hoa4}) {
		t.Error("the old one is still answered for")
	}
	b.set("2001:db8:1::200", hoa4.Next().Next()) // and that is another's now
	b.links.Clear([]netip.Addr{netip.MustParseAddr("2001:db8:1::100")})
	if !b.links.defends(place{b.ifindex, hoa4.Next().Next()}) {
		t.Error("the end of the one's binding has ended the other's")
	}
	b.links.Clear([]netip.Addr{netip.MustParseAddr("2001:db8:1::200")})
	if b.links.defends(place{b.ifindex, hoa4.Next().Next()}) {
		t.Error("answered for after the binding's end")
	}
}

// An announcement draws packets away from where the address was before (RFC 5227 §2.3).
func TestKernelAnnouncement(t *testing.T) {
	b := newBed(t)
	mac := b.ha.MAC("lan").String()
	old := net.HardwareAddr{2, 0, 0, 0, 9, 9}
	ifindex := b.host.Index("lan")
	b.host.Do(func() {
		if err := netlink.NeighSet(&netlink.Neigh{LinkIndex: ifindex, IP: hoa4.AsSlice(), HardwareAddr: old, State: netlink.NUD_STALE}); err != nil {
			t.Fatal(err)
		}
	})
	if got := b.knows(hoa4); got != old.String() {
		t.Fatalf("the host knows %q: this test shows nothing", got)
	}
	b.set("2001:db8:1::100", hoa4)
	if err := b.links.Advertise(role.Advertise{Ifindex: b.ifindex, Addr: hoa4}); err != nil {
		t.Fatal(err)
	}
	nslab.Eventually(t, "the host hears the announcement", func() bool { return b.knows(hoa4) == mac })
	counted := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.counts[CountAnnounce]
	}
	nslab.Eventually(t, "it is repeated", func() bool { return counted() == announceNumber })
	if err := b.links.Advertise(role.Advertise{Ifindex: b.ifindex, Addr: hoa4}); err != nil {
		t.Fatal(err)
	}
	b.links.Clear([]netip.Addr{netip.MustParseAddr("2001:db8:1::100")})
	time.Sleep(announceInterval + 200*time.Millisecond)
	if n := counted(); n != announceNumber+1 {
		t.Errorf("%d announcements; the binding's end must end them", n)
	}
}
