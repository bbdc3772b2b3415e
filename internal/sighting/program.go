package sighting

import (
	"encoding/binary"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

const (
	actNext = -1 // TC_ACT_UNSPEC: the packet goes on to the next filter

	// Offsets in struct __sk_buff.
	skbLen      = 0
	skbProtocol = 16

	etherIPv6   = 0x86dd
	hdrStartNet = 1 // BPF_HDR_START_NET
	noExist     = 1 // BPF_NOEXIST

	// The IPv6 header, and what may follow.
	headerLen      = 40
	nextHeader     = 6
	source         = 8
	destination    = 24
	addrLen        = 16
	protoRouting   = 43
	protoICMPv6    = 58
	protoOptions   = 60
	protoMobility  = 135
	firstDiscovery = 133 // ICMPv6 types of neighbour discovery
	lastDiscovery  = 137

	// A Home Address option alone in its header: alignment puts it here. A type 2
	// routing header has its address at the same place.
	optionAt = headerLen + 6
	homeAt   = headerLen + 8
	typeAt   = headerLen + 2 // of a routing header
	type2    = 2
)

// pairKey is the key of the table.
type pairKey struct {
	Home, Peer [addrLen]byte
}

// pairValue is what the table has of a pair.
type pairValue struct {
	PacketsOut, BytesOut uint64
	PacketsIn, BytesIn   uint64
	Told                 uint64 // when a record was written last, CLOCK_MONOTONIC ns
}

// recordSize is that of what the program writes: a pairKey, and 64 bits of flags.
const recordSize = 2*addrLen + 8

// The flags of a record.
const (
	flagInbound = 1 << iota // it is the peer's packet
	flagAgain               // the pair has been told of before
)

// wireOrder is the number that a BPF load of a 16-bit field in network order gives
// on this machine.
func wireOrder(v uint16) int32 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int32(binary.NativeEndian.Uint16(b[:]))
}

// program is for one hook: ingress, where packets come out of the tunnel, or
// egress. A pair is told of again when it goes on after so many nanoseconds.
func program(homes, pairs, records *ebpf.Map, inbound bool, again int64) *ebpf.ProgramSpec {
	const (
		packet = -48  // the IPv6 header
		told   = -88  // the record
		value  = -128 // struct pairValue
		option = -136 // the head of an option or of an extension header, or an ICMPv6 type
	)
	load := func(to int32, at, n int32) asm.Instructions {
		return asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.R6),
			asm.Mov.Imm(asm.R2, at),
			asm.Mov.Reg(asm.R3, asm.RFP),
			asm.Add.Imm(asm.R3, to),
			asm.Mov.Imm(asm.R4, n),
			asm.Mov.Imm(asm.R5, hdrStartNet),
			asm.FnSkbLoadBytesRelative.Call(),
		}
	}
	copyAddr := func(to, from int16) (insns asm.Instructions) {
		for off := int16(0); off < addrLen; off += 8 {
			insns = append(insns,
				asm.LoadMem(asm.R1, asm.RFP, from+off, asm.DWord), asm.StoreMem(asm.RFP, to+off, asm.R1, asm.DWord))
		}
		return insns
	}
	home, peer, packets, flags, name := int16(source), int16(destination), int16(0), int32(0), "mip6_peers_out"
	if inbound {
		home, peer, packets, flags, name = destination, source, 16, flagInbound, "mip6_peers_in"
	}

	insns := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JNE.Imm(asm.R0, wireOrder(etherIPv6), "pass"),
		asm.LoadMem(asm.R9, asm.R6, skbLen, asm.Word),
	}
	insns = append(insns, load(packet, 0, headerLen)...)
	insns = append(insns, asm.JNE.Imm(asm.R0, 0, "pass"))
	insns = append(insns, copyAddr(told, packet+home)...)
	insns = append(insns, copyAddr(told+addrLen, packet+peer)...)
	insns = append(insns,
		asm.LoadMem(asm.R8, asm.RFP, packet+nextHeader, asm.Byte),
		asm.JEq.Imm(asm.R8, protoMobility, "pass"),
		asm.JEq.Imm(asm.R8, protoICMPv6, "icmp"),
	)
	// The peer may be mobile as well: it is known by its home address. It stands in
	// the option of what the peer sends and in the routing header of what it gets.
	header, at, length, want := int32(protoRouting), int32(typeAt), int32(1), int32(type2)
	if inbound {
		header, at, length, want = protoOptions, optionAt, 2, wireOrder(0xc910)
	}
	insns = append(insns, asm.JEq.Imm(asm.R8, header, "mobile"))
	insns = append(insns, asm.JEq.Imm(asm.R8, int32(protoRouting+protoOptions)-header, "behind"), asm.Ja.Label("pair"))
	mobile := load(option, at, length)
	mobile[0] = mobile[0].WithSymbol("mobile")
	insns = append(insns, mobile...)
	insns = append(insns, asm.JNE.Imm(asm.R0, 0, "behind"))
	if length == 1 {
		insns = append(insns, asm.LoadMem(asm.R0, asm.RFP, option, asm.Byte))
	} else {
		insns = append(insns, asm.LoadMem(asm.R0, asm.RFP, option, asm.Half))
	}
	insns = append(insns, asm.JNE.Imm(asm.R0, want, "behind"))
	insns = append(insns, load(told+addrLen, homeAt, addrLen)...)
	insns = append(insns, asm.JNE.Imm(asm.R0, 0, "pass"))
	// Signalling behind such a header is none the less signalling.
	behind := load(option, headerLen, 1)
	behind[0] = behind[0].WithSymbol("behind")
	insns = append(insns, behind...)
	insns = append(insns,
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R0, asm.RFP, option, asm.Byte),
		asm.JEq.Imm(asm.R0, protoMobility, "pass"),
		asm.Ja.Label("pair"),
	)
	icmp := load(option, headerLen, 1)
	icmp[0] = icmp[0].WithSymbol("icmp")
	insns = append(insns, icmp...)
	insns = append(insns,
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.LoadMem(asm.R0, asm.RFP, option, asm.Byte),
		asm.JLT.Imm(asm.R0, firstDiscovery, "pair"),
		asm.JLE.Imm(asm.R0, lastDiscovery, "pass"),

		// Groups (ff00::/8), link-local addresses (fe80::/10) and those of ::/8 are
		// no peers.
		asm.LoadMem(asm.R0, asm.RFP, told+addrLen, asm.Byte).WithSymbol("pair"),
		asm.JGE.Imm(asm.R0, 0xfe, "pass"),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadMapPtr(asm.R1, homes.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, told),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.Mov.Imm(asm.R0, flags),
		asm.StoreMem(asm.RFP, told+2*addrLen, asm.R0, asm.DWord),
		asm.LoadMapPtr(asm.R1, pairs.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, told),
		asm.FnMapLookupElem.Call(),
		asm.Mov.Reg(asm.R7, asm.R0),
		asm.FnKtimeGetNs.Call(),
		asm.Mov.Reg(asm.R8, asm.R0),
		asm.JEq.Imm(asm.R7, 0, "new"),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R7, asm.R1, asm.DWord, packets),
		asm.AddAtomic.Mem(asm.R7, asm.R9, asm.DWord, packets+8),
		asm.LoadMem(asm.R1, asm.R7, 32, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R8),
		asm.Sub.Reg(asm.R2, asm.R1),
		asm.LoadImm(asm.R3, again, asm.DWord),
		asm.JLT.Reg(asm.R2, asm.R3, "pass"),
		asm.Mov.Imm(asm.R0, flags|flagAgain),
		asm.StoreMem(asm.RFP, told+2*addrLen, asm.R0, asm.DWord),
	)
	insns = append(insns, tell(records, told)...)
	insns = append(insns,
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.StoreMem(asm.R7, 32, asm.R8, asm.DWord),
		asm.Ja.Label("pass"),
	)
	// Apart from the other, though it begins alike: without CAP_PERFMON the verifier
	// follows jumps that can't be, and would find R7 used that is no pointer here.
	first := tell(records, told)
	first[0] = first[0].WithSymbol("new")
	insns = append(insns, first...)
	insns = append(insns,
		asm.JNE.Imm(asm.R0, 0, "pass"),
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.RFP, value, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, value+8, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, value+16, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, value+24, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, value+32, asm.R8, asm.DWord),
		asm.Mov.Imm(asm.R0, 1),
		asm.StoreMem(asm.RFP, value+packets, asm.R0, asm.DWord),
		asm.StoreMem(asm.RFP, value+packets+8, asm.R9, asm.DWord),
		asm.LoadMapPtr(asm.R1, pairs.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, told),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, value),
		asm.Mov.Imm(asm.R4, noExist),
		asm.FnMapUpdateElem.Call(),

		asm.Mov.Imm(asm.R0, actNext).WithSymbol("pass"),
		asm.Return(),
	)
	return &ebpf.ProgramSpec{Name: name, Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: insns}
}

// tell writes the record on the stack. One that finds no room (R0 is not 0) is written
// for the next packet.
func tell(records *ebpf.Map, at int32) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, records.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, at),
		asm.Mov.Imm(asm.R3, recordSize),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnRingbufOutput.Call(),
	}
}
