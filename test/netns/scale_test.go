package netns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/rtnl"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// TestKernelTwoThousandBindings: every binding that was acknowledged is in the kernel, in routes and source check
// alike, and only there; packets of mobile nodes pass from their care-of address alone, and none
// after their end.
//
// Requirements: 6275-8.4-5, 6275-10.4.5-2
func TestKernelTwoThousandBindings(t *testing.T) {
	const n, routers, window = 2000, 1900, 500
	topo := topology.New(t, quiet)
	ha := daemon.New(t, topo.HA, load.HomeAgent(n, routers))
	g, err := load.New(topo, n, routers)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	want := func(when string, hosts, mobileRouters int) {
		t.Helper()
		if err := inForce(t, ha, hosts+mobileRouters, mobileRouters*load.Prefixes); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	register := func(round, n, step int, lifetime time.Duration) {
		t.Helper()
		if err := g.Each(round, n, step, window, lifetime, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	register(0, n, 1, load.Lifetime)
	want("registered", routers, n-routers)
	register(1, n, 2, load.Lifetime) // every second one moves
	want("moved", routers, n-routers)

	// One that has moved, one that has not, and a host behind a mobile router.
	home, careOf := load.HomeAddress, load.CareOf
	behind := load.Prefix(routers+1, load.Prefixes-1).Addr().Next()
	tunnelled(t, topo, ha, g, []inTunnel{
		{home(500), careOf(0, 500), false}, {home(500), careOf(1, 500), true},
		{home(501), careOf(1, 501), false}, {home(501), careOf(0, 501), true},
		{home(500), careOf(0, 501), false}, {home(n + 1), careOf(0, n+1), false},
		{behind, careOf(1, routers+1), false}, {behind, careOf(0, routers+1), true},
	})
	register(1, n, 2, 0)
	want("every second one de-registered", routers/2, (n-routers)/2)
	tunnelled(t, topo, ha, g, []inTunnel{{home(500), careOf(1, 500), false}, {home(501), careOf(0, 501), true}})
}

// inTunnel is a packet in a reverse tunnel, and whether it is to pass.
type inTunnel struct {
	inner, outer netip.Addr
	passes       bool
}

// tunnelled sends packets in the reverse tunnel and compares those that arrive with those that
// are to, when the home agent has counted them all.
func tunnelled(t *testing.T, topo *topology.Topology, ha *daemon.Daemon, g *load.Generator, list []inTunnel) {
	t.Helper()
	client := ha.Client()
	defer client.Close()
	counted := func() (n uint64) {
		s, err := client.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, count := range s.DataPath {
			if strings.HasPrefix(string(name), "tunnel_") {
				n += count
			}
		}
		return n
	}
	atCN, err := capture.Start(topo.CN, topology.CNInterface, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atCN.Close()
	start, before := time.Now(), counted()
	for i, x := range list {
		udp := binary.BigEndian.AppendUint16(nil, 9)
		udp = binary.BigEndian.AppendUint16(udp, uint16(i))
		udp = append(udp, 0, 8, 0xff, 0xff)
		packet := capture.IPv6Packet(x.inner, topology.CNAddr, capture.ProtoUDP, udp)
		if err := g.Inject(capture.IPv6Packet(x.outer, topology.HAAddr, capture.ProtoIPv6, packet)); err != nil {
			t.Fatal(err)
		}
	}
	arrived := func(x int) func(capture.Packet) bool {
		return func(p capture.Packet) bool {
			return !p.Out && p.IP != nil && p.IP.Proto == capture.ProtoUDP && p.IP.Src == list[x].inner &&
				len(p.IP.Payload) >= 4 && binary.BigEndian.Uint16(p.IP.Payload[2:]) == uint16(x)
		}
	}
	eventually(t, 10*time.Second, func() string {
		if n := counted() - before; n != uint64(len(list)) {
			return fmt.Sprintf("%d packets in the tunnel were counted, of %d", n, len(list))
		}
		return ""
	})
	for i, x := range list {
		if x.passes {
			if _, err := atCN.Wait(within(t, 10*time.Second), start, arrived(i)); err != nil {
				t.Errorf("a packet from %s in a tunnel from %s: %v", x.inner, x.outer, err)
			}
		}
	}
	for i, x := range list {
		if !x.passes && len(atCN.Select(start, arrived(i))) > 0 {
			t.Errorf("a packet from %s in a tunnel from %s passes", x.inner, x.outer)
		}
	}
}

// inForce compares what is in the kernel for a home agent with how many bindings there are
// to be, and how many prefixes behind them.
func inForce(t testing.TB, ha *daemon.Daemon, bindings, prefixes int) error {
	t.Helper()
	var routes, checks, networks int
	list, err := ha.Node.NL.RouteListFiltered(netlink.FAMILY_V6,
		&netlink.Route{Protocol: rtnl.DefaultRouteProtocol, Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return err
	}
	for _, r := range list {
		if ones, _ := r.Dst.Mask.Size(); ones == 128 {
			routes++
		} else {
			networks++
		}
	}
	if routes != bindings || networks != prefixes {
		return fmt.Errorf("%d routes to home addresses and %d to prefixes, want %d and %d", routes, networks, bindings, prefixes)
	}
	if checks, networks, err = checked(ha); err != nil {
		return err
	}
	if checks != bindings || networks != prefixes {
		return fmt.Errorf("%d source checks for home addresses and %d for prefixes, want %d and %d", checks, networks, bindings, prefixes)
	}
	return nil
}

// checked counts what the maps of the source check hold.
func checked(ha *daemon.Daemon) (bindings, networks int, err error) {
	tunnel, err := ha.Node.NL.LinkByName("mip6t")
	if err != nil {
		return 0, 0, err
	}
	filters, err := ha.Node.NL.FilterList(tunnel, netlink.HANDLE_MIN_INGRESS)
	if err != nil {
		return 0, 0, err
	}
	for _, f := range filters {
		b, ok := f.(*netlink.BpfFilter)
		if !ok {
			continue
		}
		p, err := ebpf.NewProgramFromID(ebpf.ProgramID(b.Id))
		if err != nil {
			return 0, 0, err
		}
		defer p.Close()
		info, err := p.Info()
		if err != nil {
			return 0, 0, err
		}
		ids, _ := info.MapIDs()
		for _, id := range ids {
			m, err := ebpf.NewMapFromID(id)
			if err != nil {
				return 0, 0, err
			}
			defer m.Close()
			mi, err := m.Info()
			if err != nil {
				return 0, 0, err
			}
			entries := func() (n int) {
				key, value := make([]byte, m.KeySize()), make([]byte, m.ValueSize())
				for it := m.Iterate(); it.Next(&key, &value); {
					n++
				}
				return n
			}
			switch mi.Name {
			case "mip6_bindings":
				bindings = entries()
			case "mip6_networks":
				networks = entries()
			}
		}
	}
	return bindings, networks, nil
}
