// Package load plays many mobile nodes at once towards one home agent: it
// sends authenticated Binding Updates (RFC 4285) as fast as they are answered.
package load

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/loadgen"
	"mip6d/internal/mh"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// careOfPrefix is where the mobile nodes pretend to be: behind the load
// machine.
var careOfPrefix = netip.MustParsePrefix("2001:db8:f9::/48")

// key is shared by all, which is the one thing no deployment should copy.
var key = []byte("0123456789abcdef0123")

const spi = 256

// HomeAddress is that of mobile node i, 0 ≤ i < 1<<23.
func HomeAddress(i int) netip.Addr {
	a := topology.HomePrefix.Addr().As16()
	binary.BigEndian.PutUint32(a[12:], uint32(1<<16+i))
	return netip.AddrFrom16(a)
}

// Population is the same mobile nodes for internal/loadgen.
func Population(n, routers int) loadgen.Population {
	return loadgen.Population{
		HomeAgent: topology.HAAddr, First: HomeAddress(0), Nodes: n, Routers: n - routers, CareOf: careOfPrefix, Lifetime: Lifetime,
		Auth: &loadgen.Auth{SPI: spi, Key: key, Replay: loadgen.ReplayTimestamp},
	}
}

// Args are mip6bench's arguments for the same mobile nodes, with their key in a
// file that belongs to a test.
func Args(t testing.TB, n int) []string {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(hex.EncodeToString(key)), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{
		"-home-agent", topology.HAAddr.String(), "-first-home", HomeAddress(0).String(), "-care-of", careOfPrefix.String(),
		"-nodes", strconv.Itoa(n), "-key-file", file, "-spi", strconv.Itoa(spi),
	}
}

// Prepare has the care-of addresses routed to the CN's machine, where what comes
// for them is seen and not answered.
func Prepare(topo *topology.Topology) error {
	if err := topo.Router.AddRoute(careOfPrefix, topology.CNAddr); err != nil {
		return err
	}
	dst := &net.IPNet{IP: careOfPrefix.Addr().AsSlice(), Mask: net.CIDRMask(careOfPrefix.Bits(), 128)}
	if err := topo.CN.NL.RouteAdd(&netlink.Route{Dst: dst, Type: unix.RTN_BLACKHOLE}); err != nil {
		return fmt.Errorf("blackhole %s: %w", careOfPrefix, err)
	}
	return nil
}

// CareOf is mobile node i's care-of address in a round; it moves every round.
func CareOf(round, i int) netip.Addr {
	a := careOfPrefix.Addr().As16()
	a[6], a[7], a[13], a[14], a[15] = byte(round>>8), byte(round), byte(i>>16), byte(i>>8), byte(i)
	return netip.AddrFrom16(a)
}

// Prefixes is how many mobile network prefixes a mobile router has.
const Prefixes = 4

// HomeAgent is the configuration of a home agent for n such mobile nodes, of which
// those from routers on are mobile routers.
func HomeAgent(n, routers int) daemon.Config { return Sample(n, 1, routers) }

// Prefix is number k of those of mobile router i.
func Prefix(i, k int) netip.Prefix {
	a := netip.MustParseAddr("fdca::").As16()
	a[3], a[4], a[5], a[7] = byte(i>>16), byte(i>>8), byte(i), byte(k)
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// Sample is the same for every step-th of n mobile nodes. The others may have bindings, too, but
// have no key to change them.
func Sample(n, step, routers int) daemon.Config {
	var b strings.Builder
	fmt.Fprintf(&b, "home_agent:\n  links: [{interface: %s, address: %s, prefixes: [%s], advertise: off}]\n  mobile_nodes:\n",
		topology.HAHomeInterface, topology.HAAddr, topology.HomePrefix)
	for i := 0; i < n; i += step {
		prefixes := ""
		for k := 0; i >= routers && k < Prefixes; k++ {
			prefixes += fmt.Sprintf(", %q", Prefix(i, k))
		}
		fmt.Fprintf(&b, "    - {home_address: %s, prefixes: [%s], auth: {spi: %d, key_file: $DIR/key}}\n",
			HomeAddress(i), strings.TrimPrefix(prefixes, ", "), spi)
	}
	fmt.Fprintf(&b, "  allow_unauthenticated: %v\nlog: {level: warn}\n", step > 1)
	return daemon.Config{Text: b.String(), Files: map[string]string{"key": hex.EncodeToString(key) + "\n"}}
}

// Generator is the load machine, on the link between home agent and router.
type Generator struct {
	out        *capture.Injector
	replies    *capture.Capture
	answers    chan answer
	gateway    string // link-layer address of the router
	seq        []uint16
	population loadgen.Population
	pending    map[netip.Addr]request
	resent     int
	last       map[netip.Addr][]byte // each one's last Binding Update, as it was sent
}

// request is a registration that was not acknowledged yet.
type request struct {
	round, node int
	lifetime    time.Duration
}

type answer struct {
	home     netip.Addr
	status   uint8
	sequence uint16
}

// New makes the CN's machine the load machine; n is the number of mobile nodes, and
// routers the first that is a mobile router.
func New(topo *topology.Topology, n, routers int) (*Generator, error) {
	g := &Generator{population: Population(n, routers), answers: make(chan answer, 1<<16), gateway: "02:00:00:00:0c:01",
		seq: make([]uint16, n), pending: map[netip.Addr]request{}, last: map[netip.Addr][]byte{}}
	if err := Prepare(topo); err != nil {
		return nil, err
	}
	var err error
	if g.out, err = capture.OpenInjector(topo.CN, topology.CNInterface); err != nil {
		return nil, err
	}
	g.replies, err = capture.Start(topo.CN, topology.CNInterface, func(p capture.Packet) bool {
		if t, ok := p.IP.MHType(); ok && t == capture.MHBindingAcknowledgement && !p.Out {
			// Status and Sequence #, RFC 6275 §6.1.8.
			g.answers <- answer{p.IP.RoutingHome, p.IP.Payload[6], binary.BigEndian.Uint16(p.IP.Payload[8:])}
		}
		return false
	})
	return g, err
}

// Close ends the generator.
func (g *Generator) Close() error { return errors.Join(g.replies.Close(), g.out.Close()) }

// Send sends mobile node i's next Binding Update, from its care-of address of
// the round.
func (g *Generator) Send(round, i int) error {
	return g.send(request{round, i, Lifetime})
}

func (g *Generator) send(r request) error {
	g.pending[HomeAddress(r.node)] = r
	packet, err := g.Update(r.round, r.node, r.lifetime)
	if err != nil {
		return err
	}
	return g.Inject(packet)
}

// Update makes mobile node i's next Binding Update, which asks for a lifetime; 0
// de-registers.
func (g *Generator) Update(round, i int, lifetime time.Duration) ([]byte, error) {
	g.seq[i]++
	packet, err := g.population.Packet(loadgen.Update{
		Node: i, CareOf: CareOf(round, i), Sequence: g.seq[i], Lifetime: lifetime, At: time.Now(),
	})
	g.last[HomeAddress(i)] = packet
	return packet, err
}

// Sequence is the number of mobile node i's last Binding Update.
func (g *Generator) Sequence(i int) uint16 { return g.seq[i] }

// Last is mobile node i's last Binding Update, to be sent again as it was.
func (g *Generator) Last(i int) []byte { return g.last[HomeAddress(i)] }

// Inject sends a packet.
func (g *Generator) Inject(packet []byte) error {
	return g.out.Send(capture.EthernetFrame(g.gateway, packet))
}

// Answer injects a packet and returns the status that mobile node i is answered with.
func (g *Generator) Answer(i int, packet []byte, limit time.Duration) (status uint8, err error) {
	if err := g.Inject(packet); err != nil {
		return 0, err
	}
	end := time.After(limit)
	for {
		select {
		case a := <-g.answers:
			if a.home == HomeAddress(i) {
				return a.status, nil
			}
		case <-end:
			return 0, fmt.Errorf("%s: no answer within %v", HomeAddress(i), limit)
		}
	}
}

// Accepted waits a while for acknowledgements that accept, and returns whose they are.
func (g *Generator) Accepted(wait time.Duration) (homes []netip.Addr) {
	end := time.After(wait)
	for {
		select {
		case a := <-g.answers:
			if a.status < 128 {
				homes = append(homes, a.home)
			}
		case <-end:
			return homes
		}
	}
}

// SetChecksum makes the checksum of a Mobility Header right, between these ends.
func SetChecksum(raw []byte, src, dst netip.Addr) { mh.SetChecksum(raw, src, dst) }

// Pending is how many registrations wait for their acknowledgement.
func (g *Generator) Pending() int { return len(g.pending) }

// Resent is how many Binding Updates had to be sent again.
func (g *Generator) Resent() int { return g.resent }

// Drain takes the answers that have come, notes the sequence number of each that
// accepts, and waits for no registration any more.
func (g *Generator) Drain(accepted map[netip.Addr]uint16) {
	clear(g.pending)
	g.Note(accepted)
}

// Note takes the answers that have come, and notes the sequence number of each that accepts.
// It says how many there were, and how many of them accept.
func (g *Generator) Note(accepted map[netip.Addr]uint16) (answers, yes int) {
	for {
		select {
		case a := <-g.answers:
			answers++
			if a.status < 128 {
				yes++
				accepted[a.home] = a.sequence
			}
		default:
			return answers, yes
		}
	}
}

// Lifetime is what Send asks for.
const Lifetime = 600 * time.Second

// ErrRefused says that a home agent did not accept a registration.
var ErrRefused = errors.New("registration refused")

// retransmission is how long a mobile node waits; its first registration takes
// a second for DAD.
const retransmission = 3 * time.Second

// Wait waits until a pending registration is acknowledged. What has waited too
// long is sent again.
func (g *Generator) Wait(limit time.Duration) error {
	end := time.After(limit)
	for {
		select {
		case a := <-g.answers:
			if _, ok := g.pending[a.home]; !ok {
				continue // to an earlier transmission
			}
			delete(g.pending, a.home)
			if a.status >= 128 {
				return fmt.Errorf("%w: %s: status %d", ErrRefused, a.home, a.status)
			}
			return nil
		case <-time.After(retransmission):
			for _, r := range g.pending {
				g.resent++
				if err := g.send(r); err != nil {
					return err
				}
			}
		case <-end:
			return fmt.Errorf("%d registrations without acknowledgement after %v", len(g.pending), limit)
		}
	}
}

// Round registers mobile nodes 0 to n-1 with at most window requests under way.
func (g *Generator) Round(round, n, window int, limit time.Duration) error {
	return g.Each(round, n, 1, window, Lifetime, limit)
}

// Each has every step-th of n mobile nodes register for a lifetime, 0 to de-register, with at
// most window requests under way, and waits for all acknowledgements.
func (g *Generator) Each(round, n, step, window int, lifetime, limit time.Duration) error {
	for i := 0; i < n; i += step {
		err := g.send(request{round, i, lifetime})
		for err == nil && g.Pending() >= window {
			err = g.Wait(limit)
		}
		if err != nil {
			return err
		}
	}
	for g.Pending() > 0 {
		if err := g.Wait(limit); err != nil {
			return err
		}
	}
	return nil
}
