package ingress

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

var (
	hoa4   = netip.MustParseAddr("192.0.2.101")
	other4 = netip.MustParseAddr("192.0.2.102")
	haLAN4 = netip.MustParseAddr("198.51.100.1")
	host4  = netip.MustParseAddr("198.51.100.2")
)

// ipv4 is a UDP packet without ports worth the name, told from others by its
// identification.
func ipv4(src, dst netip.Addr, id uint16) []byte {
	b := make([]byte, 28)
	b[0], b[3], b[8], b[9] = 0x45, 28, 64, unix.IPPROTO_UDP
	binary.BigEndian.PutUint16(b[4:], id)
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum+sum>>16))
	b[25] = 8 // UDP length; no checksum
	return b
}

// RFC 5555 §4.5 with RFC 6275 §10.4.5: IPv4 packets come out of the tunnel if their
// source is an IPv4 home address and they come from its care-of address, with either
// making of the check, and after a restart.
func TestKernelRFC5555_4_5_IPv4ComesFromItsCareOfAddress(t *testing.T) {
	for name, open := range map[string]func(*network) Check{
		"bpf":    func(n *network) Check { return n.open(t, n.config()) },
		"flower": func(n *network) Check { return n.openFlower(t) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t)
			n.ha.Sysctl("net/ipv4/ip_forward", "1")
			n.ha.Address("lan", haLAN4.String()+"/24")
			n.host.Address("lan", host4.String()+"/24")
			n.ha.Route("192.0.2.0/24", "", "mip6t")
			atHost := newSniffer(t, n.host, "lan", etherIPv4)
			passing := func(outer, inner netip.Addr, id uint16) {
				t.Helper()
				n.send.send(ipv6(outer, haWAN, unix.IPPROTO_IPIP, 64, ipv4(inner, host4, id)))
				time.Sleep(50 * time.Millisecond)
			}
			passing(coa1, hoa4, 1) // there is no gate
			c := open(n)
			set := func(b role.Binding) {
				t.Helper()
				if errs := c.Set([]role.Binding{b}); errs != nil {
					t.Fatal(errs)
				}
			}
			b := role.Binding{HomeAddress: hoa1, CareOf: coa1}
			set(b)
			passing(coa1, hoa4, 2) // not bound
			b.IPv4HomeAddress = hoa4
			set(b)
			passing(coa1, hoa4, 3)   // right
			passing(coa1, other4, 4) // none of ours
			passing(coa2, hoa4, 5)   // another's
			b.CareOf = coa2
			set(b)
			passing(coa2, hoa4, 6) // moved
			passing(coa1, hoa4, 7)

			c.Close()
			passing(coa2, hoa4, 8) // nobody is there, but the gate
			c = open(n)
			set(b)
			if _, err := c.Settle(); err != nil {
				t.Fatal(err)
			}
			passing(coa2, hoa4, 9)

			set(role.Binding{HomeAddress: hoa2, CareOf: coa1, IPv4HomeAddress: hoa4}) // given to another
			if errs := c.Clear([]netip.Addr{hoa1}); errs != nil {
				t.Fatal(errs)
			}
			passing(coa1, hoa4, 10)
			passing(coa2, hoa4, 11)
			set(role.Binding{HomeAddress: hoa2, CareOf: coa1}) // given up
			passing(coa1, hoa4, 12)
			var ids []uint16
			for _, p := range atHost.collect(quiet) {
				if len(p) >= 20 && p[9] == unix.IPPROTO_UDP {
					ids = append(ids, binary.BigEndian.Uint16(p[4:]))
				}
			}
			if diff := cmp.Diff([]uint16{1, 3, 6, 8, 9, 10}, ids); diff != "" {
				t.Errorf("packets at the host (-want +got):\n%s", diff)
			}
		})
	}
}

// What the kernel refuses to end once is tried again, IPv4 home addresses as well.
func TestKernelRefusedEndOfAnIPv4HomeAddressIsTriedAgain(t *testing.T) {
	n := newNetwork(t)
	g := n.open(t, n.config())
	set(t, g, role.Binding{HomeAddress: hoa1, CareOf: coa1, IPv4HomeAddress: hoa4})
	works, err := g.networks.Clone()
	if err != nil {
		t.Fatal(err)
	}
	g.networks.Close()
	if errs := g.Clear([]netip.Addr{hoa1}); errs == nil {
		t.Fatal("nothing was refused")
	}
	g.networks = works
	if errs := g.Clear([]netip.Addr{hoa1}); errs != nil {
		t.Fatal(errs)
	}
	key, careOf := keyOf(netip.PrefixFrom(hoa4, 32)), addrKey{}
	if err := works.Lookup(&key, &careOf); !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Errorf("it comes through from %s still (%v)", netip.AddrFrom16(careOf), err)
	}
}
