package proxynd

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// filter lets through Neighbor Solicitations and Advertisements that came in
// from this very link. Home links carry far more packets that are none.
// A wrong hop limit passes, to be counted.
func filter() ([]bpf.RawInstruction, error) {
	const (
		accept = 1 << 16
		drop   = 12 // index of the last instruction
	)
	to := func(at uint8) uint8 { return drop - at - 1 }
	return bpf.Assemble([]bpf.Instruction{
		// Our own frames, and in promiscuous mode those of others.
		0: bpf.LoadExtension{Num: bpf.ExtType},
		1: bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: unix.PACKET_OTHERHOST, SkipTrue: to(1)},
		// The socket is shown the packets of the VLANs above, without tag.
		2:  bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		3:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: to(3)},
		4:  bpf.LoadAbsolute{Off: 12, Size: 2},
		5:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: etherTypeIPv6, SkipTrue: to(5)},
		6:  bpf.LoadAbsolute{Off: etherLen + 6, Size: 1}, // Next Header
		7:  bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: protoICMPv6, SkipTrue: to(7)},
		8:  bpf.LoadAbsolute{Off: bodyAt, Size: 2}, // Type, Code
		9:  bpf.JumpIf{Cond: bpf.JumpEqual, Val: typeNS << 8, SkipTrue: 1},
		10: bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: typeNA << 8, SkipTrue: to(10)},
		11: bpf.RetConstant{Val: accept},
		12: bpf.RetConstant{Val: 0},
	})
}
