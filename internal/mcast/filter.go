package mcast

import (
	"encoding/binary"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	etherIPv6 = 0x86dd
	snapLen   = 1 << 18

	// Offsets in struct __sk_buff.
	skbPacketType  = 4
	skbProtocol    = 16
	skbVLANPresent = 20

	hdrStartNet     = 1 // BPF_HDR_START_NET
	ipv6Destination = 24
	flagNoPrealloc  = 1
)

// wireOrder is the number that a BPF load of a 16-bit field in network order gives on this
// machine.
func wireOrder(v uint16) int32 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return int32(binary.NativeEndian.Uint16(b[:]))
}

// groupFilter shows a home link's socket what goes to a group in its map, and nothing of
// what others on the link, or the VLANs above it, send to each other. What this machine
// itself sends on the link is shown, too: it may be the link's multicast router.
type groupFilter struct {
	groups  *ebpf.Map
	program *ebpf.Program
}

func newGroupFilter() (_ *groupFilter, err error) {
	f := new(groupFilter)
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.groups, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "mip6_groups", Type: ebpf.Hash, KeySize: 16, ValueSize: 1, MaxEntries: 1 << 16, Flags: flagNoPrealloc,
	}); err != nil {
		return nil, fmt.Errorf("create the map of groups: %w", err)
	}
	if f.program, err = ebpf.NewProgram(groupProgram(f.groups)); err != nil {
		return nil, fmt.Errorf("load the filter for groups: %w", err)
	}
	return f, nil
}

func groupProgram(groups *ebpf.Map) *ebpf.ProgramSpec {
	const group = -16
	return &ebpf.ProgramSpec{Name: "mip6_groups", Type: ebpf.SocketFilter, License: "Apache-2.0", Instructions: asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbProtocol, asm.Word),
		asm.JNE.Imm(asm.R0, wireOrder(etherIPv6), "drop"),
		asm.LoadMem(asm.R0, asm.R6, skbPacketType, asm.Word),
		asm.JEq.Imm(asm.R0, unix.PACKET_OTHERHOST, "drop"),
		asm.JGT.Imm(asm.R0, unix.PACKET_OUTGOING, "drop"), // PACKET_LOOPBACK: a copy for ourselves
		asm.LoadMem(asm.R0, asm.R6, skbVLANPresent, asm.Word),
		asm.JNE.Imm(asm.R0, 0, "drop"),
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Imm(asm.R2, ipv6Destination),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, group),
		asm.Mov.Imm(asm.R4, 16),
		asm.Mov.Imm(asm.R5, hdrStartNet),
		asm.FnSkbLoadBytesRelative.Call(),
		asm.JNE.Imm(asm.R0, 0, "drop"),
		asm.LoadMapPtr(asm.R1, groups.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, group),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "drop"),
		asm.Mov.Imm(asm.R0, snapLen),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("drop"),
		asm.Return(),
	}}
}

func (f *groupFilter) close() {
	if f.program != nil {
		f.program.Close()
	}
	if f.groups != nil {
		f.groups.Close()
	}
}

// scopeFilter lets through what is to a group of a scope larger than link-local, of a device
// without a link header.
func scopeFilter() ([]bpf.RawInstruction, error) {
	return bpf.Assemble([]bpf.Instruction{
		0: bpf.LoadAbsolute{Off: ipv6Destination, Size: 2},
		1: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xff0f},
		2: bpf.JumpIf{Cond: bpf.JumpLessOrEqual, Val: 0xff02, SkipTrue: 1},
		3: bpf.RetConstant{Val: snapLen},
		4: bpf.RetConstant{Val: 0},
	})
}

// listenerFilter lets through, of the packets in tunnels to us, those that are by their looks
// from a multicast listener: ICMPv6 of types 131, 132 and 143 behind Hop-by-Hop Options.
func listenerFilter() ([]bpf.RawInstruction, error) {
	const drop = 10
	to := func(at uint8) uint8 { return drop - at - 1 }
	return bpf.Assemble([]bpf.Instruction{
		0:  bpf.LoadAbsolute{Off: 6, Size: 1}, // Next Header
		1:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: to(1)},
		2:  bpf.LoadAbsolute{Off: ipv6Len, Size: 1},
		3:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 58, SkipTrue: to(3)},
		4:  bpf.LoadAbsolute{Off: ipv6Len + 8, Size: 1},
		5:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 131, SkipTrue: 3},
		6:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 132, SkipTrue: 2},
		7:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: 143, SkipTrue: 1},
		8:  bpf.Jump{Skip: 1},
		9:  bpf.RetConstant{Val: snapLen},
		10: bpf.RetConstant{Val: 0},
	})
}
