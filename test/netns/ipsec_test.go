package netns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
	"mip6d/test/testkernel"
)

// Numbers of the derived security associations, from 4096 on.
const (
	spiSignallingUp = 4096 + iota
	spiSignallingDown
	spiTestsUp
	spiTestsDown
	spiPayloadUp
	spiPayloadDown
)

// protected is a world whose mobile node is protected by IPsec. Its cable is looked
// at from the switch: on the mobile node's own interface the kernel shows what it has
// decrypted once more.
type protected struct {
	*world
	cable *capture.Capture
}

func newProtected(t *testing.T, at topology.Link, more string, edit ...func(ha, mn *daemon.Config)) *protected {
	t.Helper()
	p := new(protected)
	ha, mn := daemon.HomeAgentIPsec(more), daemon.MobileNodeIPsec(more)
	for _, f := range edit {
		f(&ha, &mn)
	}
	p.world = newWorld(t, settings{Config: topology.Config{Start: at}, haConfig: &ha, mnConfig: &mn, before: func(topo *topology.Topology) {
		// With xfrm interfaces in the kernel, anybody's, ESP is looked at once more.
		if out, err := topo.Router.Run(t.Context(), "ip", "link", "add", "xfrm0", "type", "xfrm", "dev", "lo", "if_id", "1"); err != nil {
			t.Fatal(out, err)
		}
		var err error
		if p.cable, err = capture.Start(topo.Switch, topology.MNPort, nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.cable.Close() })
	}})
	return p
}

// clear looks for packets that were on the cable in clear, inside a tunnel or outside.
func (w *protected) clear(t *testing.T, since time.Time, what string, want func(*capture.IPv6) bool) {
	t.Helper()
	for _, p := range w.cable.Select(since, func(p capture.Packet) bool { return p.IP != nil }) {
		for ip := p.IP; ip != nil; ip = ip.Inner {
			if want(ip) {
				t.Errorf("%s in clear: %s → %s, protocol %d, %x", what, ip.Src, ip.Dst, ip.Proto, ip.Payload[:min(8, len(ip.Payload))])
			}
		}
	}
}

// esp wants packets of a security association.
func esp(spi uint32) func(capture.Packet) bool {
	return func(p capture.Packet) bool {
		return p.IP != nil && p.IP.Proto == capture.ProtoESP && len(p.IP.Payload) >= 8 && binary.BigEndian.Uint32(p.IP.Payload) == spi
	}
}

// sequence is that of the last packet of a security association.
func (w *protected) sequence(t *testing.T, spi uint32) uint32 {
	t.Helper()
	all := w.wire.Select(time.Time{}, esp(spi))
	if len(all) == 0 {
		t.Fatalf("no packet of the security association %d", spi)
	}
	return binary.BigEndian.Uint32(all[len(all)-1].IP.Payload[4:])
}

// waitESP waits for a packet of a security association.
func (w *protected) waitESP(t *testing.T, since time.Time, spi uint32) capture.Packet {
	t.Helper()
	p, err := w.wire.Wait(within(t, 10*time.Second), since, esp(spi))
	if err != nil {
		t.Fatalf("the security association %d: %v", spi, err)
	}
	return p
}

// noClearSignalling: Binding Updates and Acknowledgements with the home agent are to be
// protected, Home Test Init and Home Test wherever they go.
func (w *protected) noClearSignalling(t *testing.T) {
	t.Helper()
	w.clear(t, time.Time{}, "signalling", func(ip *capture.IPv6) bool {
		typ, ok := ip.MHType()
		agent := ip.Src == topology.HAAddr || ip.Dst == topology.HAAddr
		return ok && (agent && (typ == capture.MHBindingUpdate || typ == capture.MHBindingAcknowledgement) ||
			typ == capture.MHHomeTestInit || typ == capture.MHHomeTest)
	})
}

// xfrm is what mip6ctl says of one of IPsec's counters.
func xfrm(t *testing.T, d *daemon.Daemon, name string) uint64 {
	t.Helper()
	c := d.Client()
	defer c.Close()
	s, err := c.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Counters[name] + s.DataPath[name]
}

// Registration, moves and the return home with static keys: Binding Updates and
// Acknowledgements in transport mode behind the Home Address option and the type 2
// routing header, whose security associations go on at each care-of address;
// return routability's Home Test Init and Home Test in a tunnel that follows by
// MIGRATE, its sequence numbers going on, too. At home nothing is tunnelled.
//
// Requirements: 6275-5.1-1, 6275-5.1-2, 6275-5.1-4, 6275-6.1.3-4, 6275-6.3-6, 6275-8.4-13, 6275-8.5-2, 6275-9.3.1-2, 6275-9.3.2-5, 6275-10.3.1-7, 6275-10.4.6-1, 6275-10.4.6-2, 6275-10.4.6-3, 6275-10.4.6-4, 6275-10.4.6-5, 6275-11.3.2-1, 6275-11.6.3-1, 6275-11.6.3-2, 3776-3.1-1, 3776-3.1-2, 3776-3.1-3, 3776-3.1-4, 3776-3.2-1, 3776-3.2-2, 3776-4.2-2, 3776-4.2-4, 3776-4.3-4, 4877-4.2-2, 4877-4.2-3, 4877-4.4-2
func TestKernelIPsecSignallingMoves(t *testing.T) {
	w := newProtected(t, topology.Foreign1, "")
	daemon.New(t, w.CN, daemon.Correspondent())
	fromCN := w.pingMN(t)
	begin := time.Time{}
	var updates, tests uint32
	for _, at := range []topology.Link{topology.Foreign1, topology.Foreign2, topology.Home, topology.Foreign1} {
		if !begin.IsZero() {
			up, err := w.Move(at)
			if err != nil {
				t.Fatal(err)
			}
			begin = up
		}
		answered(t, fromCN, begin, 15*time.Second)
		update, ack := w.waitESP(t, begin, spiSignallingUp), w.waitESP(t, begin, spiSignallingDown)
		if bu, ba := messageType(open(t, update)), messageType(open(t, ack)); bu != capture.MHBindingUpdate || ba != capture.MHBindingAcknowledgement {
			t.Errorf("on %s: inside ESP are messages of types %d and %d", at, bu, ba)
		}
		if at == topology.Home {
			if update.IP.Src != topology.HoA || update.IP.HomeAddress.IsValid() || ack.IP.Dst != topology.HoA || ack.IP.RoutingHome.IsValid() {
				t.Errorf("at home: %s → %s with %s, answered to %s with %s", update.IP.Src, update.IP.Dst, update.IP.HomeAddress, ack.IP.Dst, ack.IP.RoutingHome)
			}
			// Until the correspondent has let go, its tokens are kept, and no new ones tested.
			eventually(t, 10*time.Second, func() string {
				c := w.mn.Client()
				defer c.Close()
				if list, err := c.BUL(t.Context()); err != nil || len(list) != 1 || len(list[0].Correspondents) != 0 {
					return fmt.Sprintf("at home: %+v, %v", list, err)
				}
				return ""
			})
		} else {
			if !at.Prefix().Contains(update.IP.Src) || update.IP.HomeAddress != topology.HoA {
				t.Errorf("on %s: a Binding Update from %s with the home address %s", at, update.IP.Src, update.IP.HomeAddress)
			}
			if ack.IP.Dst != update.IP.Src || ack.IP.RoutingHome != topology.HoA {
				t.Errorf("on %s: answered to %s with the home address %s", at, ack.IP.Dst, ack.IP.RoutingHome)
			}
			again := begin
			switch {
			case begin.IsZero():
			case at == topology.Foreign2: // tokens are still good: begin with new ones
				again = time.Now()
				if out, err := w.mn.Ctl(t.Context(), "flush", "bul", topology.CNAddr.String()); err != nil {
					t.Fatal(out, err)
				}
			default: // tokens went at home; the peer was seen not long ago, and may not be seen again soon
				if out, err := w.mn.Ctl(t.Context(), "ro", "start", topology.CNAddr.String()); err != nil {
					t.Fatal(out, err)
				}
			}
			w.direct(t, again, 15*time.Second)
			up, down := w.waitESP(t, again, spiTestsUp), w.waitESP(t, again, spiTestsDown)
			if up.IP.Src != update.IP.Src || up.IP.Dst != topology.HAAddr || up.IP.HomeAddress.IsValid() || down.IP.Dst != update.IP.Src {
				t.Errorf("on %s: tests from %s to %s, answered to %s", at, up.IP.Src, up.IP.Dst, down.IP.Dst)
			}
			hoti, hot := open(t, up), open(t, down)
			if messageType(hoti) != capture.MHHomeTestInit || hoti.Src != topology.HoA || hoti.Dst != topology.CNAddr ||
				messageType(hot) != capture.MHHomeTest || hot.Src != topology.CNAddr || hot.Dst != topology.HoA {
				t.Errorf("on %s: in the tunnel are %+v and %+v", at, hoti, hot)
			}
			if n := w.sequence(t, spiTestsUp); n <= tests {
				t.Errorf("on %s: the tests' sequence number %d follows %d", at, n, tests)
			} else {
				tests = n
			}
		}
		if n := w.sequence(t, spiSignallingUp); n <= updates {
			t.Errorf("on %s: the Binding Updates' sequence number %d follows %d", at, n, updates)
		} else {
			updates = n
		}
		if begin.IsZero() {
			begin = time.Now()
		}
	}
	w.noClearSignalling(t)
	w.keepForTshark(t)
	for _, d := range []*daemon.Daemon{w.ha, w.mn} {
		if n := xfrm(t, d, "ipsec_missing"); n != 0 {
			t.Errorf("%s: %d messages were unprotected", d.Node.Name, n)
		}
	}
}

// Home Test Init and Home Test in a tunnel of their own do not need the payload to be
// in one, and with payload everything is: a TCP transfer and a stream go on over the
// moves, and nothing of either is on the wire in clear, nor in the plain tunnel.
//
// Requirements: 6275-5.5-1, 6275-10.4.2-7, 3776-4.2-1, 4877-4.2-4
func TestKernelIPsecPayloadMoves(t *testing.T) {
	w := newProtected(t, topology.Home, ", payload: on", func(_, mn *daemon.Config) { mn.Text += "  route_optimization: {default: off}\n" })
	fromCN := w.pingMN(t)
	answered(t, fromCN, time.Time{}, 15*time.Second)
	tcp, err := traffic.StartTransfer(within(t, 5*time.Second), w.MN, topology.HoA, w.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	last := uint32(0)
	for i, to := range []topology.Link{topology.Foreign1, topology.Foreign2, topology.Home, topology.Foreign2} {
		unheard := i == 0 // that the home link was lost, before the next is there
		if i == 3 {
			w.unplugged(t)
		}
		up, err := w.Move(to)
		if err != nil {
			t.Fatal(err)
		}
		answered(t, fromCN, up, 10*time.Second)
		before := tcp.Bytes()
		eventually(t, 10*time.Second, func() string {
			if tcp.Bytes() > before {
				return ""
			}
			return "TCP stands still on " + string(to)
		})
		time.Sleep(500 * time.Millisecond)
		if to == topology.Home {
			if n := len(w.wire.Select(time.Now().Add(-200*time.Millisecond), esp(spiPayloadUp))); n > 0 {
				t.Errorf("at home, %d packets are still in the tunnel", n)
			}
			continue
		}
		protected := up
		if unheard { // there are no policies at home (RFC 3776 §4.2)
			protected = w.waitESP(t, up, spiSignallingUp).Time
		}
		w.clear(t, protected, "payload", func(ip *capture.IPv6) bool {
			return ip.Proto != capture.ProtoESP && (ip.Src == topology.HoA || ip.Dst == topology.HoA)
		})
		n := w.sequence(t, spiPayloadUp)
		if n <= last {
			t.Errorf("on %s: the sequence number %d follows %d", to, n, last)
		}
		last = n
		g := traffic.Measure(fromCN.Probes(), up, time.Now().Add(-100*time.Millisecond), up)
		t.Logf("%s: first reply after %v, largest gap %v, %d of %d lost", to, g.FirstReply.Sub(up), g.Largest, g.Lost, g.Sent)
	}
	if n, err := tcp.Stop(5 * time.Second); err != nil {
		t.Errorf("after %d bytes: %v", n, err)
	}
	w.noClearSignalling(t)
}

// unplugged takes the mobile node's carrier away until mip6d has heard of it.
func (w *protected) unplugged(t *testing.T) {
	t.Helper()
	if err := w.Unplug(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string {
		out, err := w.MN.Run(t.Context(), "ip", "-6", "address", "show", "dev", topology.MNInterface)
		if err == nil && !strings.Contains(out, topology.HoA.String()) {
			return ""
		}
		return "the home address is still on the link that was lost: " + out
	})
}

// What is protected gets no multicast, which would be in clear: the home agent does not even
// ask.
func TestKernelIPsecPayloadIsNoMulticast(t *testing.T) {
	w := newProtected(t, topology.Foreign1, ", payload: on", func(ha, mn *daemon.Config) {
		ha.Text += "  multicast: on\n"
		mn.Text += "  route_optimization: {default: off}\n"
	})
	start := time.Now()
	answered(t, w.pingMN(t), time.Time{}, 15*time.Second)
	time.Sleep(3 * time.Second) // others are asked at once
	// The mobile node's kernel solicits routers on the device, from a link-local address.
	plain := func(p capture.Packet) bool { return p.IP != nil && p.IP.Inner != nil && p.IP.Src == topology.HAAddr }
	if list := w.cable.Select(start, plain); len(list) > 0 {
		t.Errorf("%d packets in the plain tunnel, first %+v", len(list), list[0].IP.Inner)
	}
}

// Whether xfrm interfaces are known makes no difference; all other tests have them.
func TestKernelIPsecWithoutXfrmInterfaces(t *testing.T) {
	testkernel.Require(t)
	if os.Getenv("MIP6D_VM") == "" {
		t.Skip("takes a module out of the kernel: only in the VM")
	}
	testkernel.HideModule(t, "xfrm_interface")
	ha, mn := daemon.HomeAgentIPsec(""), daemon.MobileNodeIPsec("")
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mn})
	answered(t, w.pingMN(t), time.Time{}, 15*time.Second)
}

// Mobile prefix discovery in transport mode, as Binding Updates.
//
// Requirements: 6275-5.4-1, 6275-5.4-2, 6275-6.7-2, 6275-6.7-3, 6275-6.8-3, 6275-10.6.3-4, 6275-11.4.2-3, 6275-11.4.3-5, 3776-3.3-1, 3776-3.3-2, 4877-4.3-2
func TestKernelIPsecPrefixDiscovery(t *testing.T) {
	w := newProtected(t, topology.Foreign1, "", func(ha, _ *daemon.Config) {
		ha.Text += "  prefix_advertisements: {min_interval: 1s, max_interval: 1s}\n"
	})
	eventually(t, 20*time.Second, func() string {
		if n := xfrm(t, w.ha, "mobile_prefix_solicitations_answered"); n > 0 {
			return ""
		}
		return "no Mobile Prefix Solicitation was answered"
	})
	eventually(t, 5*time.Second, func() string {
		if strings.Contains(w.mn.Log(), "the home agent has told of the home link's prefixes") {
			return ""
		}
		return "the mobile node was not told of prefixes"
	})
	var solicited, advertised capture.Packet
	for _, p := range w.cable.Packets() {
		switch {
		case esp(spiSignallingUp)(p) && messageType(open(t, p)) == 146:
			solicited = p
		case esp(spiSignallingDown)(p) && messageType(open(t, p)) == 147:
			advertised = p
		}
	}
	if solicited.IP == nil || solicited.IP.HomeAddress != topology.HoA || advertised.IP == nil || advertised.IP.RoutingHome != topology.HoA {
		t.Errorf("solicited by %+v, advertised by %+v", solicited.IP, advertised.IP)
	}
	w.clear(t, time.Time{}, "prefix discovery", func(ip *capture.IPv6) bool {
		typ, ok := ip.ICMPType()
		return ok && (typ == 146 || typ == 147)
	})
}

// A mobile router's signalling is protected as a mobile host's; what is behind it
// stays reached over the moves.
//
// Requirements: 3963-9-1
func TestKernelIPsecMobileRouterMoves(t *testing.T) {
	ha, mn := daemon.HomeAgentIPsec(""), daemon.MobileNodeIPsec("")
	ha.Text += fmt.Sprintf("      prefixes: [%s]\n", daemon.MobileNetwork)
	mn.Text = strings.Replace(mn.Text, "      ipsec:", fmt.Sprintf("      mobile_network: {prefixes: [%s]}\n      ipsec:", daemon.MobileNetwork), 1)
	within := daemon.Within(daemon.MobileNetwork)
	inside := within.Addr().Next().Next()
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, haConfig: &ha, mnConfig: &mn, before: func(topo *topology.Topology) {
		if err := topo.Router.AddRoute(daemon.MobileNetwork, topology.HACoreAddr); err != nil {
			t.Fatal(err)
		}
		if err := topo.AddNetwork(car, topo.MN, within); err != nil {
			t.Fatal(err)
		}
		if _, err := topo.AddHostBy("host", car, inside, within.Addr().Next()); err != nil {
			t.Fatal(err)
		}
	}})
	ping := startPing(t, func() (*traffic.Ping, error) {
		return traffic.StartPing(w.CN, topology.CNAddr, inside, 10*time.Millisecond)
	})
	answered(t, ping, time.Time{}, 15*time.Second)
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	answered(t, ping, up, 10*time.Second)
	for _, typ := range []uint8{capture.MHBindingUpdate, capture.MHBindingAcknowledgement} {
		if n := len(w.wire.Select(time.Time{}, sent(capture.MH(typ)))); n > 0 {
			t.Errorf("%d messages of type %d were sent in clear", n, typ)
		}
	}
}

// forger is a host on a foreign link that makes Binding Updates by hand.
type forger struct {
	t      *testing.T
	sock   *mhsock.MH
	careOf netip.Addr
}

func newForger(t *testing.T, topo *topology.Topology) *forger {
	t.Helper()
	f := &forger{t: t, careOf: hostOnForeign1}
	host, err := topo.AddHost("forger", topology.Foreign1, f.careOf)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Do(func() (err error) { f.sock, err = mhsock.ListenMH(nil, nil); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.sock.Close() })
	return f
}

// update sends a Binding Update for the picture's home address.
func (f *forger) update(sequence uint16, lifetime time.Duration) {
	f.t.Helper()
	bu := &mh.BindingUpdate{Sequence: sequence, Ack: true, Home: true, Lifetime: lifetime}
	bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: f.careOf}}
	raw, err := mh.Marshal(bu)
	if err != nil {
		f.t.Fatal(err)
	}
	mh.SetChecksum(raw, topology.HoA, topology.HAAddr)
	if err := f.sock.Send(role.Send{Src: f.careOf, Dst: topology.HAAddr, HomeAddress: topology.HoA, Raw: raw}); err != nil {
		f.t.Fatal(err)
	}
}

// Unprotected Binding Updates don't reach the daemon; the kernel refuses and counts
// them. When somebody takes all policies away, they come back; what comes through before
// that, the daemon refuses. The binding that is there stays.
//
// Requirements: 6275-5.1-1, 6275-10.3.1-2
func TestKernelIPsecRefusesWhatIsUnprotected(t *testing.T) {
	w := newProtected(t, topology.Foreign1, "")
	w.waitESP(t, time.Time{}, spiSignallingDown)
	f := newForger(t, w.Topology)
	in := xfrm(t, w.ha, string(role.CountMessageIn))
	refused := func(n uint64) {
		t.Helper()
		eventually(t, 5*time.Second, func() string {
			if got := xfrm(t, w.ha, "xfrm_in_tmpl_mismatch"); got < n {
				return fmt.Sprintf("the kernel has counted %d of %d that it refused", got, n)
			}
			return ""
		})
	}
	for n := range uint16(5) {
		f.update(n, 400*time.Second)
		f.update(n, 0)
	}
	refused(10)
	if n := xfrm(t, w.ha, string(role.CountMessageIn)); n != in {
		t.Errorf("%d unprotected messages have reached the daemon", n-in)
	}

	c := w.ha.Client()
	defer c.Close()
	status, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(status.PID, s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	if _, err := w.HA.Run(t.Context(), "ip", "xfrm", "policy", "flush", "ptype", "main"); err != nil {
		t.Fatal(err)
	}
	f.update(100, 400*time.Second)
	f.update(101, 0)
	time.Sleep(200 * time.Millisecond) // they are in the daemon's queue
	signal(syscall.SIGCONT)
	eventually(t, 5*time.Second, func() string {
		if n := xfrm(t, w.ha, string(role.CountUnprotected)); n != 2 {
			return fmt.Sprintf("the daemon has counted %d of 2 that it refused", n)
		}
		return ""
	})
	eventually(t, 5*time.Second, func() string {
		if out, err := w.HA.Run(t.Context(), "ip", "xfrm", "policy"); err != nil || !strings.Contains(out, "proto esp reqid") {
			return fmt.Sprintf("the policies are not back: %v %s", err, out)
		}
		return ""
	})
	f.update(102, 0)
	refused(11)
	out, err := w.ha.Ctl(t.Context(), "show", "bindings")
	if err != nil || !strings.Contains(out, topology.HoA.String()) || !strings.Contains(out, " ipsec ") || strings.Contains(out, f.careOf.String()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Who has another key gets no answer.
//
// Requirements: 6275-5.1-1
func TestKernelIPsecRefusesAnotherKey(t *testing.T) {
	w := newProtected(t, topology.Foreign1, "", func(_, mn *daemon.Config) {
		mn.Files = map[string]string{"secret": strings.Repeat("5a", 32)}
	})
	w.waitESP(t, time.Time{}, spiSignallingUp)
	eventually(t, 5*time.Second, func() string {
		if xfrm(t, w.ha, "xfrm_in_state_proto_error") > 0 {
			return ""
		}
		return "the kernel has not counted what it could not authenticate"
	})
	if n := xfrm(t, w.ha, string(role.CountMessageIn)); n != 0 {
		t.Errorf("%d messages have reached the daemon", n)
	}
	if n := len(w.wire.Select(time.Time{}, esp(spiSignallingDown))); n != 0 {
		t.Errorf("%d answers", n)
	}
}
