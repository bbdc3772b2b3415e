package rtnl

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// away are the modes in which no packet of the home address may leave on the
// link, PathDeregistering's and PathAnswering's to the home agent excepted.
var away = []role.PathMode{role.PathBlocked, role.PathTunnelled, role.PathDeregistering, role.PathAnswering}

func setPath(m *MobileNode, p role.HomePath) error {
	return m.Apply([]role.Effect{role.SetHomePath{ID: 1, Path: p}})[0]
}

// TestKernelNoGapInAnyTransition looks between every two requests of every
// transition where the packets of the home address go: from one mode away from
// home to another they never find the link, whoever has bound the socket.
func TestKernelNoGapInAnyTransition(t *testing.T) {
	testkernel.Require(t)
	for _, from := range away {
		for _, to := range away {
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				testkernel.Namespace(t)
				eth0 := link(t)
				m, err := OpenMobileNode(Marks{}, false)
				must(t, err)
				defer m.Close()
				must(t, setPath(m, homePath(from, eth0)))
				looked := 0
				look := func(r request) bool {
					looked++
					if w := way(t, hoa); w == "eth0" {
						t.Errorf("before request %d of type %d: packets from the home address leave untunnelled", looked, r.typ)
					}
					if w := way4(t, hoa4); strings.HasPrefix(w, "eth0") {
						t.Errorf("before request %d of type %d: packets from the IPv4 home address leave untunnelled", looked, r.typ)
					}
					if w := way(t, netip.Addr{}); strings.HasPrefix(w, "eth0") {
						t.Errorf("before request %d of type %d: an unbound socket's packets leave by %s", looked, r.typ, w)
					}
					return true
				}
				m.conn.between = look
				p := homePath(to, eth0)
				if to == role.PathTunnelled {
					p.CareOf = p.CareOf.Next()
				}
				must(t, setPath(m, p))
				if from != to && looked == 0 {
					t.Fatal("nothing was asked of the kernel: this test shows nothing")
				}
				look(request{})
			})
		}
	}
}

// TestKernelKilledAnywhere ends the process before each request of each
// transition. The next run reaches its own wanted mode all the same, and
// leaves in the kernel exactly what it would have without the accident.
func TestKernelKilledAnywhere(t *testing.T) {
	testkernel.Require(t)
	modes := []role.PathMode{
		role.PathNone, role.PathBlocked, role.PathTunnelled, role.PathDeregistering, role.PathAnswering, role.PathHome,
	}
	nexts := []role.PathMode{role.PathTunnelled, role.PathHome, role.PathNone}
	want := make(map[role.PathMode][]string)
	for _, next := range nexts {
		want[next] = direct(t, next)
	}
	turn := 0 // each accident is followed by one of them
	for _, from := range modes {
		for _, to := range modes {
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				for after, more := 0, true; more; after++ {
					next := nexts[turn%len(nexts)]
					more = killed(t, from, to, next, after, want[next])
					turn++
				}
			})
		}
	}
}

// direct is the kernel's state in a mode that nothing came before.
func direct(t *testing.T, mode role.PathMode) (state []string) {
	t.Helper()
	inNamespace(t, func(eth0 int) {
		m, err := OpenMobileNode(Marks{}, false)
		must(t, err)
		defer m.Close()
		must(t, setPath(m, homePath(mode, eth0)))
		state = kernelState(t)
	})
	return state
}

// killed ends a run after so many requests, and says whether there were more.
func killed(t *testing.T, from, to, next role.PathMode, after int, want []string) (more bool) {
	t.Helper()
	inNamespace(t, func(eth0 int) {
		m, err := OpenMobileNode(Marks{}, false)
		must(t, err)
		must(t, setPath(m, homePath(from, eth0)))
		n := 0
		m.conn.between = func(request) bool { n++; return n <= after }
		if err := setPath(m, homePath(to, eth0)); err != nil && !errors.Is(err, errKilled) {
			t.Errorf("killed after %d: %v", after, err)
		}
		more = n > after
		must(t, m.Close())
		if m, err = OpenMobileNode(Marks{}, false); err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if err := setPath(m, homePath(next, eth0)); err != nil {
			t.Errorf("killed after %d requests, then %v: %v", after, next, err)
			return
		}
		if diff := gocmp.Diff(want, kernelState(t)); diff != "" {
			t.Errorf("killed after %d requests, then %v:\n%s", after, next, diff)
		}
	})
	return more
}

// inNamespace runs f in a namespace with the test's link.
func inNamespace(t *testing.T, f func(eth0 int)) {
	t.Helper()
	done := false
	t.Run("", func(t *testing.T) {
		testkernel.Namespace(t)
		f(link(t))
		done = true
	})
	if !done {
		t.FailNow()
	}
}

// kernelState is routes, rules, addresses and tunnels, in the kernel's order but for
// IPv4 rules of one priority, which have nothing to do with each other.
func kernelState(t *testing.T) []string {
	t.Helper()
	names := make(map[int]string)
	var list []string
	links, err := dump(netlink.LinkList)
	must(t, err)
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
		if tnl, ok := l.(*netlink.Ip6tnl); ok && tnl.Name != "ip6tnl0" {
			list = append(list, fmt.Sprintf("tunnel %s %v %v alias %q", tnl.Name, tnl.Local, tnl.Remote, tnl.Alias))
		}
	}
	for _, family := range []int{netlink.FAMILY_V6, netlink.FAMILY_V4} {
		list = append(list, familyState(t, names, family)...)
	}
	return list
}

func familyState(t *testing.T, names map[int]string, family int) (list []string) {
	t.Helper()
	routes, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{}, netlink.RT_FILTER_TABLE)
	})
	must(t, err)
	for _, r := range routes {
		if r.Dst != nil && (r.Dst.IP.IsLinkLocalUnicast() || r.Dst.IP.IsMulticast()) {
			continue // the kernel's, sooner or later
		}
		if r.Table == unix.RT_TABLE_LOCAL {
			continue // follow the addresses
		}
		list = append(list, fmt.Sprintf("route %v via %v dev %s table %d type %d protocol %d metric %d", r.Dst, r.Gw, names[r.LinkIndex], r.Table, r.Type, r.Protocol, r.Priority))
	}
	rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
	must(t, err)
	if family == netlink.FAMILY_V4 {
		slices.SortStableFunc(rules, func(a, b netlink.Rule) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.String(), b.String()))
		})
	}
	for _, r := range rules {
		list = append(list, fmt.Sprintf("%s suppress %d", r, r.SuppressPrefixlen))
	}
	addrs, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, family) })
	must(t, err)
	for _, a := range addrs {
		if !net.IP(a.IP).IsLinkLocalUnicast() {
			list = append(list, fmt.Sprintf("address %v dev %s flags %#x", a.IPNet, names[a.LinkIndex], a.Flags&^unix.IFA_F_TENTATIVE))
		}
	}
	return list
}
