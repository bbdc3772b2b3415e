package mngate

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const (
	actNext = -1 // TC_ACT_UNSPEC: the packet goes on to the next filter
	actDrop = 2  // TC_ACT_SHOT

	// Offsets in struct __sk_buff.
	skbProtocol = 16
	skbIfindex  = 40

	etherIPv6   = 0x86dd
	hdrStartNet = 1 // BPF_HDR_START_NET

	addrLen     = 16
	headerLen   = 40 // of IPv6
	nextHeader  = 6
	source      = 8
	protoHop    = 0
	protoICMPv6 = 58
	linkLocal   = 2 // the scope

	// ICMPv6 types of MLD (RFC 2710, RFC 3810).
	typeQuery    = 130
	typeReport   = 131
	typeDone     = 132
	typeReportV2 = 143
)

// wireOrder is the number that a BPF load of a 16-bit field in network order gives
// on this machine.
func wireOrder(v uint16) int32 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int32(binary.NativeEndian.Uint16(b[:]))
}

// load copies n octets of the packet in R6, from its network header on, to the stack. R2 has
// the offset.
func load(to, n int32) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, to),
		asm.Mov.Imm(asm.R4, n),
		asm.Mov.Imm(asm.R5, hdrStartNet),
		asm.FnSkbLoadBytesRelative.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"),
	}
}

// lookup asks a map for the value of the key on the stack.
func lookup(m *ebpf.Map, key int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
	}
}

// messageType leaves the ICMPv6 type of a packet in R7, behind a Hop-by-Hop Options header
// or without one, and goes to pass for any other packet. It leaves the interface's index on the
// stack at key.
func messageType(key int16) asm.Instructions {
	const octets = -8
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JNE.Imm(asm.R0, wireOrder(etherIPv6), "pass"),
		asm.LoadMem(asm.R0, asm.R6, skbIfindex, asm.Word),
		asm.StoreMem(asm.RFP, key, asm.R0, asm.Word),
		asm.Mov.Imm(asm.R2, nextHeader),
	}
	insns = append(insns, load(octets, 1)...)
	insns = append(insns,
		asm.Mov.Imm(asm.R2, headerLen),
		asm.LoadMem(asm.R0, asm.RFP, octets, asm.Byte),
		asm.JEq.Imm(asm.R0, protoICMPv6, "type"),
		asm.JNE.Imm(asm.R0, protoHop, "pass"),
	)
	insns = append(insns, load(octets, 2)...)
	insns = append(insns,
		asm.LoadMem(asm.R0, asm.RFP, octets, asm.Byte),
		asm.JNE.Imm(asm.R0, protoICMPv6, "pass"),
		asm.LoadMem(asm.R2, asm.RFP, octets+1, asm.Byte),
		asm.LSh.Imm(asm.R2, 3),
		asm.Add.Imm(asm.R2, headerLen+8),
	)
	icmp := load(octets, 1)
	icmp[0] = icmp[0].WithSymbol("type")
	insns = append(insns, icmp...)
	return append(insns, asm.LoadMem(asm.R7, asm.RFP, octets, asm.Byte))
}

// inProgram notes that the home agent has asked by a tunnel of which user space says that it is
// one.
func inProgram(paths, asked *ebpf.Map) *ebpf.ProgramSpec {
	const key, value = -16, -24
	insns := messageType(key)
	insns = append(insns, asm.JNE.Imm(asm.R7, typeQuery, "pass"))
	insns = append(insns, lookup(paths, key)...)
	insns = append(insns,
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.StoreImm(asm.RFP, value, 1, asm.Word),
		asm.LoadMapPtr(asm.R1, asked.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, key),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, value),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	)
	insns = append(insns, pass()...)
	return &ebpf.ProgramSpec{Name: inName, Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: insns}
}

// outProgram lets messages of multicast listeners into the tunnel only where there is a
// binding and the home agent has asked.
func outProgram(paths, asked *ebpf.Map) *ebpf.ProgramSpec {
	const key = -16
	insns := messageType(key)
	insns = append(insns,
		asm.JEq.Imm(asm.R7, typeReportV2, "listener"),
		asm.JLT.Imm(asm.R7, typeQuery, "pass"),
		asm.JGT.Imm(asm.R7, typeDone, "pass"),
	)
	path := lookup(paths, key)
	path[0] = path[0].WithSymbol("listener")
	insns = append(insns, path...)
	insns = append(insns,
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.LoadMem(asm.R0, asm.R0, 0, asm.Word),
		asm.JNE.Imm(asm.R0, registered, "drop"),
	)
	insns = append(insns, lookup(asked, key)...)
	insns = append(insns,
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.Mov.Imm(asm.R0, actDrop).WithSymbol("drop"),
		asm.Return(),
	)
	insns = append(insns, pass()...)
	return &ebpf.ProgramSpec{Name: outName, Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: insns}
}

// divertProgram sends packets from a home address to a group of a scope larger than link-local
// into the tunnel, or drops them where there is none.
func divertProgram(homes *ebpf.Map) *ebpf.ProgramSpec {
	const addrs = -32 // source, destination
	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JNE.Imm(asm.R0, wireOrder(etherIPv6), "pass"),
		asm.Mov.Imm(asm.R2, source),
	}
	insns = append(insns, load(addrs, 2*addrLen)...)
	insns = append(insns,
		asm.LoadMem(asm.R0, asm.RFP, addrs+addrLen, asm.Byte),
		asm.JNE.Imm(asm.R0, 0xff, "pass"),
		asm.LoadMem(asm.R0, asm.RFP, addrs+addrLen+1, asm.Byte),
		asm.And.Imm(asm.R0, 0xf),
		asm.JLE.Imm(asm.R0, linkLocal, "pass"),
	)
	insns = append(insns, lookup(homes, addrs)...)
	insns = append(insns,
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.Mov.Imm(asm.R0, actDrop),
		asm.JEq.Imm(asm.R1, 0, "end"),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return().WithSymbol("end"),
	)
	insns = append(insns, pass()...)
	return &ebpf.ProgramSpec{Name: divertName, Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: insns}
}

func pass() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, actNext).WithSymbol("pass"), asm.Return()}
}
