package netns

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// dhcpv6 plays a DHCPv6 client of the mobile node, as systemd-networkd and dhclient-script
// do it: the address without a prefix, with the lease's lifetimes, in place of what is there.
func (w *world) dhcpv6(t *testing.T, a netip.Addr, valid string) {
	t.Helper()
	out, err := w.MN.Run(t.Context(), "ip", "-6", "addr", "replace", a.String()+"/128", "dev", topology.MNInterface, "valid_lft", valid, "preferred_lft", valid)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// noDHCPv6 has it give the address up. mip6d may have been faster.
func (w *world) noDHCPv6(t *testing.T, a netip.Addr) {
	t.Helper()
	_, _ = w.MN.Run(t.Context(), "ip", "-6", "addr", "del", a.String()+"/128", "dev", topology.MNInterface)
}

// logs waits for a line of the mobile node's log.
func (w *world) logs(t *testing.T, want string) {
	t.Helper()
	eventually(t, 10*time.Second, func() string {
		if !strings.Contains(w.mn.Log(), want) {
			return "the log does not say: " + want
		}
		return ""
	})
}

// addressOf is what ip shows of an address of the mobile node.
func (w *world) addressOf(t *testing.T, a netip.Addr) string {
	t.Helper()
	out, err := w.MN.Run(t.Context(), "ip", "-6", "-o", "addr", "show", "to", a.String())
	return out + errText(err)
}

// The home address is what DHCPv6 gives at home: nothing before, kept while we are away and
// over a reboot, prolonged and replaced at home, and given up at its end.
func TestKernelStatefulHomeAddress(t *testing.T) {
	ha, mobile := daemon.HomeAgent(), daemon.MobileNode()
	ha.Text += "    - home_address: " + daemon.SecondHoA.String() + "\n      auth: {spi: 256, key_file: $DIR/key}\n"
	mobile.Text = strings.Replace(mobile.Text, topology.HoA.String()+"/64", "{prefix: "+topology.HomePrefix.String()+", interface_id: stateful}", 1)
	w := newWorld(t, settings{haConfig: &ha, mnConfig: &mobile})
	shows := func(want string, args ...string) {
		t.Helper()
		eventually(t, 10*time.Second, func() string { return w.shows(t, w.mn, want, args...) })
	}
	const none = "no home address in 2001:db8:1::/64: DHCPv6 has not given any"
	const what = "with a DHCPv6 client running there"
	shows(none, "status")
	shows(what, "status")

	// Autoconfiguration's is none of DHCPv6's.
	auto := netip.MustParseAddr("2001:db8:1::a")
	if out, err := w.MN.Run(t.Context(), "ip", "-6", "addr", "add", auto.String()+"/64", "dev", topology.MNInterface, "valid_lft", "900", "preferred_lft", "900"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	w.dhcpv6(t, topology.HoA, "600")
	shows(topology.HoA.String(), "show", "bul")
	eventually(t, 10*time.Second, func() string {
		if w.shows(t, w.mn, none, "status") == "" {
			return "status still says that there is none"
		}
		return ""
	})
	answered(t, w.pingMN(t), time.Now(), 5*time.Second)
	if s := w.addressOf(t, topology.HoA); !strings.Contains(s, topology.MNInterface) || !strings.Contains(s, "/128") || strings.Contains(s, "forever") {
		t.Errorf("the client's address at home is not as it was: %s", s)
	}

	// Away, and the client takes its own away when the link is lost.
	up, err := w.Move(topology.Foreign1)
	if err != nil {
		t.Fatal(err)
	}
	w.noDHCPv6(t, topology.HoA)
	w.registered(t, up, 10*time.Second)
	answered(t, w.pingMN(t), time.Now(), 5*time.Second)
	eventually(t, 10*time.Second, func() string {
		if s := w.addressOf(t, topology.HoA); strings.Contains(s, topology.MNInterface) || !strings.Contains(s, "mip6") {
			return "the home address is not where it is to be away: " + s
		}
		return ""
	})

	// A boot away from home: nothing is left in the kernel.
	w.mn.Kill()
	if err := w.mn.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.addressOf(t, topology.HoA); strings.Contains(s, topology.HoA.String()) {
		t.Fatalf("the kernel still has %s", s)
	}
	again := time.Now()
	if err := w.mn.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.registered(t, again, 10*time.Second)
	answered(t, w.pingMN(t), time.Now(), 5*time.Second)
	w.noLeak(t, w.left(t, up))

	// Home again. The client confirms its lease.
	back, err := w.Move(topology.Home)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, back, 10*time.Second)
	eventually(t, 10*time.Second, func() string {
		if s := w.addressOf(t, topology.HoA); !strings.Contains(s, topology.MNInterface) || strings.Contains(s, "forever") {
			return "the home address at home, before the client has come: " + s
		}
		return ""
	})
	w.dhcpv6(t, topology.HoA, "900")
	w.logs(t, "DHCPv6 has prolonged the home address")

	// It is given another one, for a short time.
	w.noDHCPv6(t, topology.HoA)
	w.dhcpv6(t, daemon.SecondHoA, "15")
	w.logs(t, "DHCPv6 has given another home address")
	shows(daemon.SecondHoA.String(), "show", "bul")
	if s := w.addressOf(t, topology.HoA); strings.Contains(s, topology.HoA.String()) {
		t.Errorf("the one before is still there: %s", s)
	}
	up, err = w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	bu, err := w.wire.Wait(within(t, 10*time.Second), up, sent(capture.MH(capture.MHBindingUpdate)))
	if err != nil {
		t.Fatal(err)
	}
	if units := binary.BigEndian.Uint16(bu.IP.Payload[10:]); units == 0 || units > 3 {
		t.Errorf("asks for %d s of a lease of 15 s", 4*units)
	}
	shows(none, "status")
	w.logs(t, "its DHCPv6 lease has ended")
	if s := w.addressOf(t, daemon.SecondHoA); strings.Contains(s, daemon.SecondHoA.String()) {
		t.Errorf("after the end of the lease: %s", s)
	}
}
