// Package nslab gives kernel tests small networks: network namespaces of their
// own, joined by veth pairs. Everything vanishes with the test.
//
// It is for tests only and needs CAP_SYS_ADMIN.
package nslab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Node is one network namespace.
type Node struct {
	Name string
	NL   *netlink.Handle // rtnetlink in the namespace
	t    testing.TB
	ns   netns.NsHandle
}

// NewNode makes a namespace with its loopback interface up.
func NewNode(t testing.TB, name string) *Node {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		t.Fatalf("get the current network namespace: %v", err)
	}
	defer here.Close()
	ns, err := netns.New() // and enters it
	if err != nil {
		t.Fatalf("make the network namespace %s: %v", name, err)
	}
	if err := netns.Set(here); err != nil {
		t.Fatalf("return to the network namespace: %v", err)
	}
	n := &Node{Name: name, t: t, ns: ns}
	if n.NL, err = netlink.NewHandleAt(ns); err != nil {
		t.Fatalf("open rtnetlink in %s: %v", name, err)
	}
	t.Cleanup(func() {
		n.NL.Close()
		ns.Close()
	})
	n.Up("lo")
	return n
}

// Do runs f on this goroutine with its thread in the namespace. Sockets that f
// opens stay there.
func (n *Node) Do(f func()) {
	n.t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		n.t.Fatalf("get the current network namespace: %v", err)
	}
	defer here.Close()
	if err := netns.Set(n.ns); err != nil {
		n.t.Fatalf("enter the network namespace %s: %v", n.Name, err)
	}
	defer func() {
		if err := netns.Set(here); err != nil {
			n.t.Fatalf("return to the network namespace: %v", err)
		}
	}()
	f()
}

// Join connects two nodes by a veth pair, both ends up. DAD is off on both, so
// that addresses are usable at once.
func Join(t testing.TB, a *Node, aName string, b *Node, bName string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = aName
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: bName, PeerNamespace: netlink.NsFd(b.ns)}
	if err := a.NL.LinkAdd(pair); err != nil {
		t.Fatalf("join %s and %s: %v", a.Name, b.Name, err)
	}
	for _, end := range []struct {
		n    *Node
		name string
	}{{a, aName}, {b, bName}} {
		end.n.Sysctl("net/ipv6/conf/"+end.name+"/accept_dad", "0")
		end.n.Up(end.name)
	}
	a.WaitCarrier(aName)
	b.WaitCarrier(bName)
}

// Bridge makes a bridge in n out of the given interfaces, up, that floods all
// multicast.
func (n *Node) Bridge(name string, ports ...string) {
	n.t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	snooping := false
	if err := n.NL.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}); err != nil {
		n.t.Fatalf("add bridge %s in %s: %v", name, n.Name, err)
	}
	br := n.Link(name)
	for _, p := range ports {
		if err := n.NL.LinkSetMasterByIndex(n.Link(p), br.Attrs().Index); err != nil {
			n.t.Fatalf("put %s into bridge %s: %v", p, name, err)
		}
	}
	n.Up(name)
	n.WaitCarrier(name)
}

// Link finds an interface.
func (n *Node) Link(name string) netlink.Link {
	n.t.Helper()
	l, err := n.NL.LinkByName(name)
	if err != nil {
		n.t.Fatalf("find %s in %s: %v", name, n.Name, err)
	}
	return l
}

// Index is an interface's index.
func (n *Node) Index(name string) int {
	n.t.Helper()
	return n.Link(name).Attrs().Index
}

// MAC is an interface's link-layer address.
func (n *Node) MAC(name string) net.HardwareAddr {
	n.t.Helper()
	return n.Link(name).Attrs().HardwareAddr
}

// Up sets an interface up.
func (n *Node) Up(name string) {
	n.t.Helper()
	if err := n.NL.LinkSetUp(n.Link(name)); err != nil {
		n.t.Fatalf("set %s up in %s: %v", name, n.Name, err)
	}
}

// Down sets an interface down.
func (n *Node) Down(name string) {
	n.t.Helper()
	if err := n.NL.LinkSetDown(n.Link(name)); err != nil {
		n.t.Fatalf("set %s down in %s: %v", name, n.Name, err)
	}
}

// WaitCarrier waits until an interface can carry packets. Carrier is not
// enough: the kernel activates a device's queue up to a second later, and says
// so by its operational state.
func (n *Node) WaitCarrier(name string) {
	n.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if n.Link(name).Attrs().OperState == netlink.OperUp {
			return
		}
	}
	n.t.Fatalf("%s in %s got no carrier", name, n.Name)
}

// Address puts an address on an interface, without DAD.
func (n *Node) Address(name, cidr string) {
	n.t.Helper()
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		n.t.Fatal(err)
	}
	a.Flags = unix.IFA_F_NODAD
	if err := n.NL.AddrAdd(n.Link(name), a); err != nil {
		n.t.Fatalf("put %s on %s in %s: %v", cidr, name, n.Name, err)
	}
}

// Route adds a route; via may be empty.
func (n *Node) Route(dst, via, dev string) {
	n.t.Helper()
	_, d, err := net.ParseCIDR(dst)
	if err != nil {
		n.t.Fatal(err)
	}
	r := &netlink.Route{Dst: d, LinkIndex: n.Index(dev)}
	if via != "" {
		r.Gw = net.ParseIP(via)
	}
	if err := n.NL.RouteReplace(r); err != nil {
		n.t.Fatalf("route %s via %s dev %s in %s: %v", dst, via, dev, n.Name, err)
	}
}

// Sysctl writes one sysctl, its name with slashes.
func (n *Node) Sysctl(name, value string) {
	n.t.Helper()
	var err error
	// The file is the namespace's of the thread that opens it.
	n.Do(func() { err = os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0) })
	if err != nil {
		n.t.Fatalf("set %s in %s: %v", name, n.Name, err)
	}
}

// Neighbours lists an interface's neighbour entries that are not multicast.
func (n *Node) Neighbours(name string) map[netip.Addr]netlink.Neigh {
	n.t.Helper()
	list, err := n.NL.NeighList(n.Index(name), netlink.FAMILY_V6)
	for errors.Is(err, netlink.ErrDumpInterrupted) { // it changed while it was told
		list, err = n.NL.NeighList(n.Index(name), netlink.FAMILY_V6)
	}
	if err != nil {
		n.t.Fatalf("list neighbours of %s in %s: %v", name, n.Name, err)
	}
	found := make(map[netip.Addr]netlink.Neigh)
	for _, e := range list {
		if a, ok := netip.AddrFromSlice(e.IP); ok && !a.IsMulticast() {
			found[a] = e
		}
	}
	return found
}

// LinkLocal is an interface's link-local address, awaited.
func (n *Node) LinkLocal(name string) netip.Addr {
	n.t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		addrs, err := n.NL.AddrList(n.Link(name), netlink.FAMILY_V6)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			n.t.Fatalf("list addresses of %s in %s: %v", name, n.Name, err)
		}
		for _, a := range addrs {
			if a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0 {
				ll, _ := netip.AddrFromSlice(a.IP)
				return ll
			}
		}
	}
	n.t.Fatalf("%s in %s got no link-local address", name, n.Name)
	return netip.Addr{}
}

// Eventually waits for something the kernel does in its own time.
func Eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f() {
			return
		}
	}
	t.Fatalf("waited in vain for: %s", strings.TrimSpace(what))
}
