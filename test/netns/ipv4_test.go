package netns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

// The picture's IPv4 side: the core, and addresses behind the home agent.
var (
	homeNet4 = netip.MustParsePrefix("192.0.2.0/24")
	hoa4     = netip.MustParseAddr("192.0.2.100")
	haHome4  = netip.MustParseAddr("192.0.2.1")
	haCore4  = netip.MustParseAddr("198.51.100.1")
	router4  = netip.MustParseAddr("198.51.100.254")
	cn4      = netip.MustParseAddr("203.0.113.2")
	routerC4 = netip.MustParseAddr("203.0.113.1")
)

// withIPv4 gives home agent, router and correspondent node IPv4 addresses. The links
// that the mobile node visits have none.
func withIPv4(t *testing.T) func(*topology.Topology) {
	return func(topo *topology.Topology) {
		t.Helper()
		for _, err := range []error{
			topo.Router.Sysctl("net/ipv4/ip_forward", "1"),
			topo.HA.AddAddress(topology.HAHomeInterface, netip.PrefixFrom(haHome4, 24)),
			topo.HA.AddAddress(topology.HACoreInterface, netip.PrefixFrom(haCore4, 24)),
			topo.Router.AddAddress("ha", netip.PrefixFrom(router4, 24)),
			topo.Router.AddAddress("cn", netip.PrefixFrom(routerC4, 24)),
			topo.CN.AddAddress(topology.CNInterface, netip.PrefixFrom(cn4, 24)),
			topo.HA.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), router4),
			topo.Router.AddRoute(homeNet4, haCore4),
			topo.CN.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), routerC4),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// newIPv4World is a world whose mobile node asks for an IPv4 home address.
func newIPv4World(t *testing.T, ask, agent string) *world {
	ha, mn := daemon.HomeAgent(), daemon.MobileNode()
	ha.Text += agent
	mn.Text = strings.Replace(mn.Text, "      auth:", "      ipv4_home_address: "+ask+"\n      auth:", 1)
	return newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mn, before: withIPv4(t)})
}

// agentOf4 has the home agent give the picture's mobile node an IPv4 home address.
const agentOf4 = "      ipv4_home_address: 192.0.2.100\n"

func (w *world) ping4(t *testing.T) (toMN, toCN *traffic.Ping) {
	t.Helper()
	return startPing(t, func() (*traffic.Ping, error) { return traffic.StartPing(w.CN, cn4, hoa4, 10*time.Millisecond) }),
		startPing(t, func() (*traffic.Ping, error) { return traffic.StartPing(w.MN, hoa4, cn4, 10*time.Millisecond) })
}

// RFC 5555 §4.4.3, §4.5.1: IPv4 packets of the mobile node travel in the IPv6 tunnel
// both ways, on links that have no IPv4 at all, and a connection outlives moves.
func TestKernelRFC5555_IPv4GoesThroughTheTunnel(t *testing.T) {
	start := time.Now()
	w := newIPv4World(t, "192.0.2.100", agentOf4)
	w.registered(t, start, 10*time.Second)
	toMN, toCN := w.ping4(t)
	answered(t, toMN, time.Now(), 5*time.Second)
	answered(t, toCN, time.Now(), 5*time.Second)
	host, err := w.AddHost("neighbour", topology.Home, netip.MustParseAddr("2001:db8:1::77"))
	if err != nil {
		t.Fatal(err)
	}
	if err := host.AddAddress("eth0", netip.MustParsePrefix("192.0.2.77/24")); err != nil {
		t.Fatal(err)
	}
	answered(t, startPing(t, func() (*traffic.Ping, error) { // by the home agent's ARP (§4.5)
		return traffic.StartPing(host, netip.MustParseAddr("192.0.2.77"), hoa4, 20*time.Millisecond)
	}), time.Now(), 5*time.Second)
	tcp, err := traffic.StartTransfer(within(t, time.Minute), w.MN, netip.IPv4Unspecified(), w.CN, cn4)
	if err != nil {
		t.Fatal(err) // without a source address: the default route has one
	}
	for _, to := range []topology.Link{topology.Foreign2, topology.Foreign1} {
		since, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		answered(t, toMN, since, 10*time.Second)
		answered(t, toCN, since, 10*time.Second)
	}
	if n, err := tcp.Stop(20 * time.Second); err != nil || n == 0 {
		t.Errorf("TCP: %d octets, %v", n, err)
	}
	inside := func(p capture.Packet) bool {
		return p.IP != nil && p.IP.Proto == 4 && (p.IP.Src == topology.HAAddr || p.IP.Dst == topology.HAAddr)
	}
	if n := len(w.wire.Select(start, inside)); n < 20 {
		t.Errorf("%d packets with IPv4 inside were seen", n)
	}
	bare := func(p capture.Packet) bool {
		return len(p.Frame) > 30 && p.Frame[12] == 8 && p.Frame[13] == 0 // ETH_P_IP
	}
	if list := w.wire.Select(start, sent(bare)); len(list) != 0 {
		t.Errorf("%d IPv4 packets left untunnelled, first %x", len(list), list[0].Frame)
	}
	w.noLeak(t, start)
	for _, d := range []*daemon.Daemon{w.ha, w.mn} {
		verb := map[*daemon.Daemon]string{w.ha: "bindings", w.mn: "bul"}[d]
		if wrong := w.shows(t, d, "192.0.2.100", "show", verb); wrong != "" {
			t.Error(wrong)
		}
	}

	// At home there is no IPv4 home address (§4.4.4), and the home agent lets go.
	if _, err := w.Move(topology.Home); err != nil {
		t.Fatal(err)
	}
	eventually(t, 15*time.Second, func() string { return w.shows(t, w.ha, "No bindings.", "show", "bindings") })
	silent(t, toMN, time.Second)
	for n, args := range map[string][]string{
		"rules": {"ip", "-4", "rule", "show"}, "addresses": {"ip", "-4", "addr", "show"},
	} {
		out, err := w.MN.Run(t.Context(), args[0], args[1:]...)
		if err != nil || strings.Contains(out, "192.0.2.100") || strings.Contains(out, "from 0.0.0.0") {
			t.Errorf("%s at home: %v\n%s", n, err, out)
		}
	}
}

// RFC 5555 §2.5: the home agent assigns an address, which stays the mobile node's.
func TestKernelRFC5555_2_5_AssignedAddress(t *testing.T) {
	start := time.Now()
	w := newIPv4World(t, "dynamic", "  ipv4_pool: [192.0.2.100/32]\n")
	w.registered(t, start, 10*time.Second)
	toMN, _ := w.ping4(t)
	answered(t, toMN, time.Now(), 5*time.Second)
	if err := w.mn.Stop(); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	if err := w.mn.Start(within(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	w.registered(t, since, 10*time.Second)
	answered(t, toMN, time.Now(), 5*time.Second)
}

// A home agent that has no IPv4 home address for a mobile node says so, and serves it
// as before; one that is reconfigured takes it away.
func TestKernelRFC5555_4_5_RefusedIPv4HomeAddress(t *testing.T) {
	start := time.Now()
	w := newIPv4World(t, "192.0.2.100", agentOf4)
	w.registered(t, start, 10*time.Second)
	toMN, _ := w.ping4(t)
	answered(t, toMN, time.Now(), 5*time.Second)
	if err := w.ha.Configure(daemon.HomeAgent().Text); err != nil {
		t.Fatal(err)
	}
	if err := w.ha.Reload(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, func() string {
		if w.shows(t, w.ha, "192.0.2.100", "show", "bindings") == "" {
			return "the home agent still has it"
		}
		return ""
	})
	silent(t, toMN, time.Second)
	if _, err := w.Move(topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Now(), 10*time.Second)
	eventually(t, 5*time.Second, func() string {
		return w.shows(t, w.mn, "none: incorrect IPv4 home address", "show", "bul")
	})
	if out, err := w.MN.Run(t.Context(), "ip", "-4", "rule", "show"); err != nil || strings.Contains(out, "192.0.2.100") {
		t.Errorf("%v\n%s", err, out)
	}
	if out := fmt.Sprint(w.mn.Log()); !strings.Contains(out, "no IPv4 home address") {
		t.Error("the log says nothing")
	}
}

// A planned change of interfaces loses no IPv4 packet either, although every node asks
// whether packets come in by the interface that leads back (rp_filter), and TCP fills
// the tunnel both ways: its segments fit, and what doesn't is answered by an ICMP error
// of the home agent that says what would.
func TestKernelIPv4PlannedSwitchAndBulk(t *testing.T) {
	ha, mn := daemon.HomeAgent(), daemon.MobileNode()
	ha.Text += agentOf4
	mn.Text = strings.Replace(mn.Text, "      auth:", "      ipv4_home_address: 192.0.2.100\n      auth:", 1)
	mn.Text = strings.Replace(mn.Text, "{name: "+topology.MNInterface+"}",
		"{name: "+topology.MNInterface+", preference: 20}, {name: wlan0, preference: 10}", 1)
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mn,
		before: func(topo *topology.Topology) {
			withIPv4(t)(topo)
			for _, err := range []error{
				topo.AddInterface("wlan0"), topo.MN.Sysctl("net/ipv4/conf/all/rp_filter", "1"), topo.MN.Sysctl("net/ipv4/conf/default/rp_filter", "1"),
				topo.HA.Sysctl("net/ipv4/conf/all/rp_filter", "1"), topo.HA.Sysctl("net/ipv4/conf/default/rp_filter", "1"),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		},
	})
	w.registered(t, time.Time{}, 10*time.Second)
	toMN, toCN := w.ping4(t)
	for _, p := range []*traffic.Ping{toMN, toCN} {
		answered(t, p, time.Now(), 10*time.Second)
	}
	from := time.Now()
	if err := w.PlugInterface("wlan0", topology.Foreign2); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string {
		if wrong := w.shows(t, w.mn, "wlan0", "show", "bul"); wrong != "" {
			return wrong
		}
		return w.shows(t, w.mn, "registered", "show", "bul")
	})
	time.Sleep(500 * time.Millisecond)
	to := time.Now()
	for _, p := range []*traffic.Ping{toMN, toCN} {
		lost, sent := 0, 0
		for _, x := range p.Stop(time.Second) {
			if x.Sent.After(from) && x.Sent.Before(to) {
				if sent++; x.Replied.IsZero() {
					lost++
				}
			}
		}
		if t.Logf("%s: %d of %d lost", p.Name, lost, sent); lost > 0 || sent < 20 {
			t.Errorf("%s: %d of %d lost", p.Name, lost, sent)
		}
	}

	for name, c := range map[string]struct {
		client, server *node.Node
		from, to       netip.Addr
	}{
		"to the correspondent": {w.MN, w.CN, hoa4, cn4}, "to the mobile node": {w.CN, w.MN, cn4, hoa4},
	} {
		n, err := bulk(within(t, time.Minute), c.client, c.from, c.server, c.to)
		if t.Logf("%s: %d octets", name, n); err != nil || n != bulkOctets {
			t.Errorf("%s: %d octets, %v", name, n, err)
		}
	}
	eventually(t, 10*time.Second, func() string {
		if mtu, err := pathMTU(w.CN, hoa4); err != nil || mtu != 1460 {
			return fmt.Sprintf("the correspondent takes the path's MTU for %d, %v", mtu, err)
		}
		return ""
	})
}

// pathMTU sends a datagram of 1500 octets that must not be fragmented, and asks the kernel
// what it knows a little later.
func pathMTU(n *node.Node, to netip.Addr) (mtu int, err error) {
	err = n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := errors.Join(
			unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO),
			unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: to.As4()}),
		); err != nil {
			return err
		}
		_, _ = unix.Write(fd, make([]byte, 1472)) // once it is known, it is too long
		time.Sleep(100 * time.Millisecond)
		mtu, err = unix.GetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU)
		return err
	})
	return mtu, err
}

const bulkOctets = 4 << 20

// bulk sends as fast as TCP can, and returns how much has come.
func bulk(ctx context.Context, client *node.Node, from netip.Addr, server *node.Node, to netip.Addr) (n int64, err error) {
	var l *net.TCPListener
	if err := server.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(to, 0)))
		return err
	}); err != nil {
		return 0, err
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() {
		sent <- client.Do(func() error {
			d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
			c, err := d.DialContext(ctx, "tcp", l.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write(make([]byte, bulkOctets))
			return err
		})
	}()
	end, _ := ctx.Deadline()
	if err := l.SetDeadline(end); err != nil {
		return 0, err
	}
	c, err := l.Accept()
	if err != nil {
		return 0, errors.Join(err, <-sent)
	}
	defer c.Close()
	if err := c.SetDeadline(end); err != nil {
		return 0, err
	}
	n, err = io.Copy(io.Discard, c)
	return n, errors.Join(err, <-sent)
}
