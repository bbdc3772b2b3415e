package mcast

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/nslab"
	"mip6d/test/testkernel"
)

// bed is a home agent between a host on its home link and where mobile nodes are.
type bed struct {
	host, ha, away *nslab.Node
	f              *Forwarder
	lan            int // the home link's ifindex
	fd             int // the host's socket
	mu             sync.Mutex
	failures       []error
}

func newBed(t testing.TB) *bed {
	testkernel.Require(t)
	b := &bed{host: nslab.NewNode(t, "host"), ha: nslab.NewNode(t, "ha"), away: nslab.NewNode(t, "away")}
	nslab.Join(t, b.host, "lan", b.ha, "lan")
	nslab.Join(t, b.away, "wan", b.ha, "wan")
	b.host.Address("lan", sender.String()+"/64")
	b.ha.Address("lan", agent.String()+"/64")
	b.ha.Address("wan", "2001:db8:2::1/64")
	b.away.Address("wan", "2001:db8:2::2/64")
	b.ha.Route("2001:db8:f0::/44", "2001:db8:2::2", "wan")
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "mip6t"
	if err := b.ha.NL.LinkAdd(&netlink.Ip6tnl{LinkAttrs: attrs, FlowBased: true}); err != nil {
		t.Fatalf("add the shared tunnel device: %v", err)
	}
	b.ha.Up("mip6t")
	b.lan = b.ha.Index("lan")
	var err error
	b.ha.Do(func() {
		b.f, err = Open(Config{
			Tunnel: b.ha.Index("mip6t"), HomeLinks: []int{b.lan}, Carries: func(netip.Addr) bool { return true },
			Failed: func(err error) { b.mu.Lock(); defer b.mu.Unlock(); b.failures = append(b.failures, err) },
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.f.Run(ctx, func(netip.Addr, netip.Addr, []byte) {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := b.f.Close(); err != nil {
			t.Error(err)
		}
	})
	b.host.Do(func() { b.fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(b.fd) })
	for opt, v := range map[int]int{unix.IPV6_MULTICAST_HOPS: 9, unix.IPV6_MULTICAST_IF: b.host.Index("lan")} {
		if err := unix.SetsockoptInt(b.fd, unix.IPPROTO_IPV6, opt, v); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// listeners binds so many mobile nodes, which listen to a group.
func (b *bed) listeners(t testing.TB, n int) (homes []netip.Addr) {
	t.Helper()
	home, careOf := netip.MustParseAddr("2001:db8:1::1:0").As16(), netip.MustParseAddr("2001:db8:f1::").As16()
	var bindings []role.Binding
	var effects []role.Effect
	for i := range n {
		binary.BigEndian.PutUint16(home[14:], uint16(i+1))
		binary.BigEndian.PutUint16(careOf[14:], uint16(i+1))
		x := role.Binding{HomeAddress: netip.AddrFrom16(home), CareOf: netip.AddrFrom16(careOf), HomeAgent: agent, Ifindex: b.lan}
		bindings, homes = append(bindings, x), append(homes, x.HomeAddress)
		effects = append(effects, role.SetListener{HomeAddress: x.HomeAddress, Group: group})
	}
	for _, errs := range [][]error{b.f.Set(bindings), b.f.Apply(effects)} {
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return homes
}

func (b *bed) send(t testing.TB) {
	t.Helper()
	if err := unix.Sendto(b.fd, make([]byte, 1000), 0, &unix.SockaddrInet6{Addr: group.As16(), Port: 5000}); err != nil {
		t.Fatal(err)
	}
}

// counted waits until so many copies have been sent or not.
func (b *bed) counted(t testing.TB, n uint64) {
	t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		c := b.f.Counters()
		if c[CountTunnelled]+c[CountUnsent] >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("counted %v, want %d copies", c, n)
		}
		time.Sleep(time.Millisecond)
	}
}

// More listeners than one system call serves: each gets a copy, and after the bindings' end
// nobody does, nor is the socket there for the link's packets.
func TestKernelCopiesForMany(t *testing.T) {
	const many = 3*sendBatch + 1
	b := newBed(t)
	homes := b.listeners(t, many)
	for range 10 {
		b.send(t)
	}
	b.counted(t, 10*many)
	b.f.Clear(homes[1:])
	b.send(t)
	b.counted(t, 10*many+1)
	b.f.Clear(homes[:1])
	b.send(t)
	time.Sleep(100 * time.Millisecond)
	c := b.f.Counters()
	if c[CountArrived] != 11 || c[CountTunnelled] != 10*many+1 || c[CountUnsent] != 0 || len(b.failures) > 0 {
		t.Errorf("counted %v, failures %v", c, b.failures)
	}
}

// BenchmarkKernelCopies: one operation is a packet of 1,048 octets to 100 mobile nodes.
func BenchmarkKernelCopies(b *testing.B) {
	const members = 100
	x := newBed(b)
	x.listeners(b, members)
	b.ResetTimer()
	for i := range b.N {
		x.send(b)
		if i%16 == 15 {
			x.counted(b, uint64(i+1)*members)
		}
	}
	x.counted(b, uint64(b.N)*members)
	b.ReportMetric(members*float64(b.N)/b.Elapsed().Seconds(), "copies/s")
}
