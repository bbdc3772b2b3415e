package ingress

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

// mobility is a Mobility Header message of a type, whose reserved field tells it from
// others.
func mobility(src, dst netip.Addr, typ, mark byte) []byte {
	return ipv6(src, dst, 135, 64, []byte{unix.IPPROTO_NONE, 1, typ, mark, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8})
}

// marks of the mobility messages among some packets, in their order.
func mobilityMarks(frames [][]byte) (list []byte) {
	for _, f := range frames {
		if len(f) >= 44 && f[6] == 135 {
			list = append(list, f[43])
		}
	}
	return list
}

// Home Test Inits of those that may not optimise routes stop at the tunnel, with and
// without BPF; everything else of theirs passes, and all of others.
func TestKernelReturnRoutabilityStopsInTheTunnel(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *network) Check{
		"BPF":    func(t *testing.T, n *network) Check { return n.open(t, n.config()) },
		"flower": func(t *testing.T, n *network) Check { return n.openFlower(t) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			c := open(t, n)
			set := func(denied bool) {
				t.Helper()
				if errs := c.Set([]role.Binding{
					{HomeAddress: hoa1, CareOf: coa1, NoRouteOptimization: denied}, {HomeAddress: hoa2, CareOf: coa2},
				}); errs != nil {
					t.Fatal(errs)
				}
			}
			send := func(home, coa netip.Addr, typ, mark byte) {
				t.Helper()
				n.send.send(ipv6(coa, haWAN, unix.IPPROTO_IPV6, 64, mobility(home, host, typ, mark)))
				n.passing(coa, home, uint16(mark))
			}
			set(true)
			send(hoa1, coa1, 1, 1)
			send(hoa2, coa2, 1, 2)
			set(false)
			send(hoa1, coa1, 1, 3)
			set(true)
			send(hoa1, coa1, 1, 4)
			if errs := c.Clear([]netip.Addr{hoa1}); errs != nil {
				t.Fatal(errs)
			}
			set(false)
			send(hoa1, coa1, 1, 5)
			frames := n.atHost.collect(quiet)
			if diff := cmp.Diff([]byte{2, 3, 5}, mobilityMarks(frames)); diff != "" {
				t.Errorf("Home Test Inits at the host (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]uint16{1, 2, 3, 4, 5}, echoes(frames)); diff != "" {
				t.Errorf("echo requests at the host (-want +got):\n%s", diff)
			}
			if name == "BPF" { // Home Tests as well, on their way in
				n.host.Route("2001:db8:1::100/120", haLAN.String(), "lan")
				set(true)
				from := newRawSender(t, n.host)
				for _, home := range []netip.Addr{hoa1, hoa2} {
					for _, typ := range []byte{3, 4} {
						from.send(mobility(host, home, typ, 9))
					}
				}
				for end := time.Now().Add(5 * time.Second); counters(t, c.(*Gate))[CountHomeTests] < 3 && time.Now().Before(end); {
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(quiet)
			}
			if counts, err := c.Counters(); err != nil || name == "BPF" && counts[CountHomeTests] != 3 {
				t.Errorf("counted %v, %v", counts, err)
			}
		})
	}
}
