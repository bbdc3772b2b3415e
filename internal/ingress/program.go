package ingress

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Verdicts of a direct action filter. actNext leaves the packet to the filters
// behind ours, so that an administrator's own keep working.
const (
	actNext = -1 // TC_ACT_UNSPEC
	actDrop = 2  // TC_ACT_SHOT
)

// Offsets in struct __sk_buff.
const (
	skbProtocol    = 16
	skbVLANPresent = 20
)

// struct bpf_tunnel_key as far as its size was in Linux 4.x to 6.x, and the
// outer source in it.
const (
	tunnelKeySize   = 44
	tunnelKeyRemote = 4
	tunInfoIPv6     = 1 // BPF_F_TUNINFO_IPV6
	hdrStartNet     = 1 // BPF_HDR_START_NET
)

// Fields of the IPv4 and the IPv6 header, and of a neighbour discovery message
// behind that.
const (
	ipv4Source     = 12
	ipv6NextHeader = 6
	ipv6Source     = 8
	ipv6Dest       = 24
	ipv6HeaderLen  = 40
	ndTarget       = ipv6HeaderLen + 8
	ndMinLen       = ipv6HeaderLen + 24
	protoICMPv6    = 58
	typeNS         = 135
	typeNA         = 136
)

const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// addrLen is the size of keys and values of the bindings map.
const addrLen = 16

// wireOrder turns a 16-bit number as in the RFCs into the number a BPF load of
// the field in network order gives on this machine.
func wireOrder(v uint16) int32 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int32(binary.NativeEndian.Uint16(b[:]))
}

// tunnelProgram is the source check of RFC 6275 §10.4.5 on the ingress of the
// shared tunnel device.
//
// An inner source that is no home address may lie in a mobile network (RFC 3963
// §6.4), or be an IPv4 home address (RFC 5555 §4.5): its prefix says by which care-of
// address it must come.
func tunnelProgram(bindings, networks, denied, counters *ebpf.Map) *ebpf.ProgramSpec {
	const (
		key    = -48 // struct bpf_tunnel_key
		packet = -88 // header of the inner packet
		inner  = packet + ipv6Source
		length = inner - 4 // of its prefix, in the place of the next header: struct bpf_lpm_trie_key begins here
	)
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JEq.Imm(asm.R0, wireOrder(etherIPv6), "ipv6"),
		asm.JEq.Imm(asm.R0, wireOrder(etherIPv4), "ipv4"),
		asm.Mov.Imm(asm.R7, int32(slotOther)),
		asm.Ja.Label("drop"),
	}
	insns = append(insns, outerSource("ipv6", key)...)
	insns = append(insns, load(0, packet, ipv6HeaderLen, "drop")...)
	insns = append(insns,
		asm.LoadMem(asm.R9, asm.RFP, packet+ipv6NextHeader, asm.Byte),

		// A link-local address is nobody's home address, though it may be defended for
		// one.
		asm.Mov.Imm(asm.R7, int32(slotLinkLocal)),
		asm.LoadMem(asm.R1, asm.RFP, inner, asm.Half),
		asm.And.Imm(asm.R1, wireOrder(0xffc0)),
		asm.JEq.Imm(asm.R1, wireOrder(0xfe80), "drop"),

		asm.LoadMapPtr(asm.R1, bindings.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, inner),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "compare"),
		asm.Ja.Label("behind"),
	)
	insns = append(insns, outerSource("ipv4", key)...)
	insns = append(insns,
		asm.StoreImm(asm.RFP, inner, 0, asm.Word),
		asm.StoreImm(asm.RFP, inner+4, 0, asm.Word),
		asm.StoreImm(asm.RFP, inner+8, 0, asm.Half),
		asm.StoreImm(asm.RFP, inner+10, 0xffff, asm.Half),
		asm.Mov.Imm(asm.R9, 0),
	)
	insns = append(insns, load(ipv4Source, inner+12, 4, "drop")...)
	insns = append(insns,
		asm.StoreImm(asm.RFP, length, addrLen*8, asm.Word).WithSymbol("behind"),
		asm.LoadMapPtr(asm.R1, networks.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, length),
		asm.FnMapLookupElem.Call(),
		asm.Mov.Imm(asm.R7, int32(slotUnbound)),
		asm.JEq.Imm(asm.R0, 0, "drop"),

		asm.Mov.Imm(asm.R7, int32(slotSpoofed)).WithSymbol("compare"),
	)
	for off := int16(0); off < addrLen; off += 4 {
		insns = append(insns,
			asm.LoadMem(asm.R1, asm.R0, off, asm.Word),
			asm.LoadMem(asm.R2, asm.RFP, key+tunnelKeyRemote+off, asm.Word),
			asm.JNE.Reg(asm.R1, asm.R2, "drop"),
		)
	}
	insns = append(insns, stopHomeTests(denied, typeHomeInit, inner)...)
	insns = append(insns,
		asm.Mov.Imm(asm.R7, int32(slotPassed)),
		asm.Mov.Imm(asm.R8, actNext),
		asm.Ja.Label("count"),
		asm.Mov.Imm(asm.R8, actDrop).WithSymbol("drop"),
	)
	insns = append(insns, countAndReturn(counters, "count")...)
	return &ebpf.ProgramSpec{
		Name:         tunnelFilterName,
		Type:         ebpf.SchedCLS,
		License:      "Apache-2.0",
		Instructions: insns,
	}
}

// outerSource has the tunnel's end points put on the stack.
func outerSource(label string, key int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Imm(asm.R7, int32(slotOther)).WithSymbol(label),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, key),
		asm.Mov.Imm(asm.R3, tunnelKeySize),
		asm.Mov.Imm(asm.R4, tunInfoIPv6),
		asm.FnSkbGetTunnelKey.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
	}
}

// load has n octets of the packet in R6, from its IP header on, put on the stack.
func load(at, to, n int32, fail string) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, at),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, to),
		asm.Mov.Imm(asm.R4, n),
		asm.Mov.Imm(asm.R5, hdrStartNet),
		asm.FnSkbLoadBytesRelative.Call(),
		asm.JNE.Imm(asm.R0, 0, fail),
	}
}

// linkProgram keeps neighbour discovery for defended home addresses from the
// kernel, on the ingress of a home link. A message behind extension headers is
// let through: the kernel then does what it does for any address that is not
// its own.
func linkProgram(bindings, counters *ebpf.Map) *ebpf.ProgramSpec {
	const packet = -64 // IPv6 header, ICMPv6 header, target
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JNE.Imm(asm.R0, wireOrder(etherIPv6), "pass"),
		// A tag still there means another link than this one.
		asm.LoadMem(asm.R0, asm.R6, skbVLANPresent, asm.Word),
		asm.JNE.Imm(asm.R0, 0, "pass"),
	}
	// Most packets are no ICMPv6 and cost one small load.
	insns = append(insns, load(ipv6NextHeader, packet, 1, "pass")...)
	insns = append(insns,
		asm.LoadMem(asm.R0, asm.RFP, packet, asm.Byte),
		asm.JNE.Imm(asm.R0, protoICMPv6, "pass"),
	)
	insns = append(insns, load(0, packet, ndMinLen, "pass")...)
	insns = append(insns,
		asm.LoadMem(asm.R0, asm.RFP, packet+ipv6HeaderLen, asm.Byte),
		asm.JEq.Imm(asm.R0, typeNS, "discovery"),
		asm.JNE.Imm(asm.R0, typeNA, "pass"),

		asm.LoadMapPtr(asm.R1, bindings.FD()).WithSymbol("discovery"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, packet+ndTarget),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
		asm.LoadMapPtr(asm.R1, bindings.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, packet+ipv6Source),
		asm.FnMapLookupElem.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),

		asm.Mov.Imm(asm.R0, actNext).WithSymbol("pass"),
		asm.Return(),

		asm.Mov.Imm(asm.R7, int32(slotDiscovery)).WithSymbol("drop"),
		asm.Mov.Imm(asm.R8, actDrop),
	)
	insns = append(insns, countAndReturn(counters, "count")...)
	return &ebpf.ProgramSpec{
		Name:         linkFilterName,
		Type:         ebpf.SchedCLS,
		License:      "Apache-2.0",
		Instructions: insns,
	}
}

// countAndReturn adds one to the counter in R7 and returns the verdict in R8.
// The map is per CPU, so that no atomic instruction is needed.
func countAndReturn(counters *ebpf.Map, label string) asm.Instructions {
	const slot = -76
	return asm.Instructions{
		asm.StoreMem(asm.RFP, slot, asm.R7, asm.Word).WithSymbol(label),
		asm.LoadMapPtr(asm.R1, counters.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, slot),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, label+"_end"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R0, asm.R8).WithSymbol(label + "_end"),
		asm.Return(),
	}
}
