package directspeed

import (
	"encoding/binary"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/nslab"
)

// Filters put the extension headers in behind TCP's back and take them out
// before it: the route has no headers of its own, so that segmentation and
// checksums stay where they are. They serve one pair of addresses and TCP alone;
// a product would have a map, fragments, ICMP errors and other protocols to see
// to.

const (
	etherLen  = 14
	ipLen     = 40
	extLen    = 24
	offSource = 8
	offDst    = 24
	keepGSO   = 1 // BPF_F_ADJ_ROOM_FIXED_GSO
)

// homeAddressOption is the destination options header as it stands in a packet,
// but for its first octet, which says what follows.
func homeAddressOption(hoa netip.Addr) []byte {
	return append([]byte{0, 2, 1, 2, 0, 0, 0xc9, 16}, hoa.AsSlice()...)
}

func routingHeader(hoa netip.Addr) []byte {
	return append([]byte{0, 2, 2, 1, 0, 0, 0, 0}, hoa.AsSlice()...)
}

const (
	stackIP  = -48 // IPv6 header
	stackExt = -80 // extension header
)

func loadIP() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.Mov.Imm(asm.R2, etherLen),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackIP),
		asm.Mov.Imm(asm.R4, ipLen),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R1, asm.RFP, stackIP, asm.Byte),
		asm.RSh.Imm(asm.R1, 4),
		asm.JNE.Imm(asm.R1, 6, "pass"),
	}
}

// match goes on if the octets on the stack are these.
func match(at int16, octets []byte) (insns asm.Instructions) {
	for i := 0; i < len(octets); i += 4 {
		insns = append(insns,
			asm.LoadMem(asm.R1, asm.RFP, at+int16(i), asm.Word),
			asm.LoadImm(asm.R2, int64(binary.NativeEndian.Uint32(octets[i:])), asm.DWord),
			asm.JNE.Reg(asm.R1, asm.R2, "pass"),
		)
	}
	return insns
}

func put(at int16, octets []byte) (insns asm.Instructions) {
	for i := 0; i < len(octets); i += 4 {
		insns = append(insns,
			asm.LoadImm(asm.R1, int64(binary.NativeEndian.Uint32(octets[i:])), asm.DWord),
			asm.StoreMem(asm.RFP, at+int16(i), asm.R1, asm.Word),
		)
	}
	return insns
}

// resize makes or closes the gap behind the IPv6 header.
func resize(by int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, asm.RFP, stackIP+4, asm.Half),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.Add.Imm(asm.R1, by),
		asm.HostTo(asm.BE, asm.R1, asm.Half),
		asm.StoreMem(asm.RFP, stackIP+4, asm.R1, asm.Half),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, by),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, keepGSO),
		asm.FnSkbAdjustRoom.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
	}
}

func store(off int32, at int32, n int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, off),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, at),
		asm.Mov.Imm(asm.R4, n),
		asm.Mov.Imm(asm.R5, 0),
		asm.FnSkbStoreBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
	}
}

func end() asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R0, -1).WithSymbol("pass"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 2).WithSymbol("drop"),
		asm.Return(),
	}
}

// adder puts an extension header into TCP packets between two addresses.
func adder(src, dst netip.Addr, proto int32, ext []byte, field int16, careOf netip.Addr) asm.Instructions {
	insns := loadIP()
	insns = append(insns, match(stackIP+offSource, src.AsSlice())...)
	insns = append(insns, match(stackIP+offDst, dst.AsSlice())...)
	insns = append(insns,
		asm.LoadMem(asm.R7, asm.RFP, stackIP+6, asm.Byte),
		asm.JNE.Imm(asm.R7, unix.IPPROTO_TCP, "pass"))
	insns = append(insns, put(stackExt, ext)...)
	insns = append(insns,
		asm.StoreMem(asm.RFP, stackExt, asm.R7, asm.Byte),
		asm.Mov.Imm(asm.R1, proto),
		asm.StoreMem(asm.RFP, stackIP+6, asm.R1, asm.Byte))
	insns = append(insns, put(stackIP+field, careOf.AsSlice())...)
	insns = append(insns, resize(extLen)...)
	insns = append(insns, store(etherLen, stackIP, ipLen)...)
	insns = append(insns, store(etherLen+ipLen, stackExt, extLen)...)
	insns = append(insns, asm.Ja.Label("pass"))
	return append(insns, end()...)
}

// remover takes it out again.
func remover(src, dst netip.Addr, proto int32, ext []byte, field int16, hoa netip.Addr) asm.Instructions {
	insns := loadIP()
	insns = append(insns, match(stackIP+offSource, src.AsSlice())...)
	insns = append(insns, match(stackIP+offDst, dst.AsSlice())...)
	insns = append(insns,
		asm.LoadMem(asm.R1, asm.RFP, stackIP+6, asm.Byte),
		asm.JNE.Imm(asm.R1, proto, "pass"),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, etherLen+ipLen),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackExt),
		asm.Mov.Imm(asm.R4, extLen),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R7, asm.RFP, stackExt, asm.Byte),
		asm.StoreImm(asm.RFP, stackExt, 0, asm.Byte))
	insns = append(insns, match(stackExt, ext)...)
	insns = append(insns, asm.StoreMem(asm.RFP, stackIP+6, asm.R7, asm.Byte))
	insns = append(insns, put(stackIP+field, hoa.AsSlice())...)
	insns = append(insns, resize(-extLen)...)
	insns = append(insns, store(etherLen, stackIP, ipLen)...)
	insns = append(insns, asm.Ja.Label("pass"))
	return append(insns, end()...)
}

func (w *world) filter(n *nslab.Node, device string, parent uint32, insns asm.Instructions) {
	w.tb.Helper()
	var p *ebpf.Program
	var err error
	p, err = ebpf.NewProgram(&ebpf.ProgramSpec{Name: "direct", Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: insns})
	w.must(err)
	w.tb.Cleanup(func() { p.Close() })
	w.must(n.NL.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: n.Index(device), Parent: parent, Handle: 1, Protocol: unix.ETH_P_ALL, Priority: 1},
		Name:        "direct", Fd: p.FD(), DirectAction: true,
	}))
}

// addFilters sets filters and, at both ends, a route that says how much smaller
// packets must be.
func (w *world) addFilters() {
	w.tb.Helper()
	for _, n := range []*nslab.Node{w.mn, w.cn} {
		w.must(n.NL.QdiscReplace(clsact(n)))
	}
	hao, rh := homeAddressOption(homeAddress), routingHeader(homeAddress)
	w.filter(w.mn, "eth0", netlink.HANDLE_MIN_EGRESS, adder(homeAddress, peer, unix.IPPROTO_DSTOPTS, hao, offSource, careOf))
	w.filter(w.cn, "eth0", netlink.HANDLE_MIN_INGRESS, remover(careOf, peer, unix.IPPROTO_DSTOPTS, hao, offSource, homeAddress))
	w.filter(w.cn, "eth0", netlink.HANDLE_MIN_EGRESS, adder(peer, homeAddress, unix.IPPROTO_ROUTING, rh, offDst, careOf))
	w.filter(w.mn, "eth0", netlink.HANDLE_MIN_INGRESS, remover(peer, careOf, unix.IPPROTO_ROUTING, rh, offDst, homeAddress))
	routes := map[*nslab.Node]*netlink.Route{
		w.mn: w.routeToOther(w.mn, "eth0", routerToMN.AsSlice()),
		w.cn: w.routeToOther(w.cn, "eth0", routerToCN.AsSlice()),
	}
	for n, r := range routes {
		w.must(n.NL.RouteAdd(r))
	}
	w.undo = func() {
		for n, r := range routes {
			w.must(n.NL.RouteDel(r))
			w.must(n.NL.QdiscDel(clsact(n)))
		}
	}
}

func clsact(n *nslab.Node) *netlink.Clsact {
	return &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: n.Index("eth0"), Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
}
