package mngate

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"mip6d/test/testkernel"
)

var (
	hoa  = netip.MustParseAddr("2001:db8:1::100")
	coa  = netip.MustParseAddr("2001:db8:f1::5")
	host = netip.MustParseAddr("fe80::5")
)

const (
	device  = 1 // the loopback device, as which BPF_PROG_TEST_RUN runs programs
	next    = ^uint32(0)
	drop    = actDrop
	divert  = 7 // TC_ACT_REDIRECT
	anyCode = 0
)

// frame is an Ethernet frame with an IPv6 packet.
func frame(src netip.Addr, dst string, header byte, payload ...byte) []byte {
	b := []byte{12: 0x86, 13: 0xdd}
	b = append(b, 0x60, 0, 0, 0, 0, byte(len(payload)), header, 1)
	b = append(append(b, src.AsSlice()...), netip.MustParseAddr(dst).AsSlice()...)
	return append(b, payload...)
}

// message is an ICMPv6 message behind a Router Alert, with more options if asked.
func message(typ byte, more int) []byte {
	options := append([]byte{protoICMPv6, byte(more), 5, 2, 0, 0, 1, 0}, make([]byte, 8*more)...)
	return frame(host, "ff02::16", protoHop, append(options, typ, anyCode, 0, 0, 0, 0, 0, 0)...)
}

func run(t *testing.T, p *ebpf.Program, b []byte) uint32 {
	t.Helper()
	verdict, _, err := p.Test(b)
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

func open(t *testing.T) *Gate {
	testkernel.Namespace(t)
	g, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// Requirements: 6275-11.3.4-3
func TestKernelRFC6275_11_3_4_GateOpensAfterBindingAndQuery(t *testing.T) {
	g := open(t)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	reports := func(want uint32, when string) {
		t.Helper()
		for _, typ := range []byte{typeQuery, typeReport, typeDone, typeReportV2} {
			for more := range 2 {
				if got := run(t, g.out, message(typ, more)); got != want {
					t.Errorf("%s: type %d: verdict %d, want %d", when, typ, int32(got), int32(want))
				}
			}
		}
	}
	query := func() { run(t, g.in, message(typeQuery, 0)) }

	reports(drop, "no tunnel")
	query()
	do(g.SetTunnel(device, false))
	reports(drop, "no binding; a query before there was a tunnel")
	do(g.SetTunnel(device, true))
	reports(drop, "a binding, no query")
	run(t, g.in, message(typeReportV2, 0))
	reports(drop, "what came was no query")
	query()
	reports(next, "a binding and a query")
	do(g.SetTunnel(device, true))
	reports(next, "later")
	do(g.SetTunnel(device, false))
	reports(drop, "the binding has ended")
	do(g.SetTunnel(device, true))
	reports(drop, "another binding")
	do(g.SetTunnel(device, false))
	query()
	do(g.SetTunnel(device, true))
	reports(next, "the query overtook the acknowledgement")
	do(g.ClearTunnel(device))
	do(g.ClearTunnel(device))
	reports(drop, "no tunnel any more")
	do(g.SetTunnel(device, true))
	reports(drop, "another tunnel")

	for name, b := range map[string][]byte{
		"an echo request":       frame(hoa, "2001:db8:c::2", protoICMPv6, 128, 0, 0, 0),
		"UDP":                   frame(hoa, "ff0e::42", 17, typeReportV2, 0, 0, 0),
		"UDP behind options":    frame(hoa, "ff0e::42", protoHop, 17, 0, 1, 4, 0, 0, 0, 0, typeReportV2),
		"a cut-off header":      frame(hoa, "ff0e::42", protoHop),
		"IPv4":                  append(make([]byte, 12), append([]byte{8, 0}, make([]byte, 60)...)...),
		"neighbour discovery":   frame(host, "ff02::1", protoICMPv6, 135, 0, 0, 0),
		"something else, no IP": append(make([]byte, 12), append([]byte{0x88, 0xb5}, make([]byte, 60)...)...),
	} {
		if got := run(t, g.out, b); got != next {
			t.Errorf("%s: verdict %d", name, int32(got))
		}
	}
}

func TestKernelMulticastOfHomeAddressesIsDiverted(t *testing.T) {
	g := open(t)
	want := func(src netip.Addr, dst string, want uint32) {
		t.Helper()
		if got := run(t, g.divert, frame(src, dst, 17, make([]byte, 8)...)); got != want {
			t.Errorf("%s to %s: verdict %d, want %d", src, dst, int32(got), int32(want))
		}
	}
	want(hoa, "ff0e::42", next)
	if err := g.SetHome(hoa, 0); err != nil {
		t.Fatal(err)
	}
	want(hoa, "ff0e::42", drop)
	if err := g.SetHome(hoa, device); err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"ff0e::42", "ff05::42", "ff03::1", "ff3e::1"} {
		want(hoa, group, divert)
		want(coa, group, next)
	}
	for _, other := range []string{"ff02::42", "ff01::42", "ff12::1", "2001:db8:c::2", "fe80::1"} {
		want(hoa, other, next)
	}
	for range 2 {
		if err := g.ClearHome(hoa); err != nil {
			t.Fatal(err)
		}
	}
	want(hoa, "ff0e::42", next)
}

// What is put on an interface is taken off again, and nothing of others'.
func TestKernelCleanupTakesTheGatesOff(t *testing.T) {
	g := open(t)
	tool := func(args ...string) string {
		t.Helper()
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	tool("ip", "link", "add", "d0", "type", "dummy")
	tool("ip", "link", "add", "d1", "type", "dummy")
	tool("tc", "qdisc", "add", "dev", "d1", "clsact")
	for _, name := range []string{"d0", "d1"} {
		link, err := g.nl.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // as a later run does
			if err := g.AttachInterface(link.Attrs().Index); err != nil {
				t.Fatal(err)
			}
		}
	}
	if out := tool("tc", "filter", "show", "dev", "d0", "egress"); !strings.Contains(out, divertName) {
		t.Fatal(out)
	}
	if err := Cleanup(); err != nil {
		t.Fatal(err)
	}
	if out := tool("tc", "qdisc", "show", "dev", "d0"); strings.Contains(out, "clsact") {
		t.Error("our qdisc stays: ", out)
	}
	if out := tool("tc", "qdisc", "show", "dev", "d1"); !strings.Contains(out, "clsact") {
		t.Error("another's qdisc is gone: ", out)
	}
	if out := tool("tc", "filter", "show", "dev", "d1", "egress"); strings.Contains(out, divertName) {
		t.Error("the filter stays: ", out)
	}
}
