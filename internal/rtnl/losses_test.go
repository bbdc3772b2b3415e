package rtnl

import (
	"context"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestOnlyWhatOthersDeleteOfOursIsALoss, and the filter lets no loss get lost.
func TestOnlyWhatOthersDeleteOfOursIsALoss(t *testing.T) {
	const own, protocol = 7, 75
	raw, err := lossFilter(protocol)
	if err != nil {
		t.Fatal(err)
	}
	var program []bpf.Instruction
	for _, r := range raw {
		program = append(program, r.Disassemble())
	}
	filter, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	ours := route{dst: everything, table: 6275, protocol: protocol, kind: unix.RTN_UNREACHABLE}
	theirs := ours
	theirs.protocol = unix.RTPROT_STATIC
	ourRule := rule{src: host(hoa), table: 6275, priority: 627, protocol: protocol}
	theirRule := ourRule
	theirRule.protocol = unix.RTPROT_STATIC
	for _, c := range []struct {
		what string
		typ  netlink.HeaderType
		from uint32
		data []byte
		want bool
	}{
		{"a route", unix.RTM_DELROUTE, 9, ours.body(), true},
		{"by ourselves", unix.RTM_DELROUTE, own, ours.body(), false},
		{"by the kernel", unix.RTM_DELROUTE, 0, ours.body(), false},
		{"another's route", unix.RTM_DELROUTE, 9, theirs.body(), false},
		{"a new route", unix.RTM_NEWROUTE, 9, ours.body(), false},
		{"cut short", unix.RTM_DELROUTE, 9, nil, false},
		{"a rule", unix.RTM_DELRULE, 9, ourRule.set().body, true},
		{"a rule by ourselves", unix.RTM_DELRULE, own, ourRule.set().body, false},
		{"another's rule", unix.RTM_DELRULE, 9, theirRule.set().body, false},
		{"a new rule", unix.RTM_NEWRULE, 9, ourRule.set().body, false},
		{"a rule cut short", unix.RTM_DELRULE, 9, nil, false},
	} {
		m := netlink.Message{Header: netlink.Header{Length: uint32(unix.SizeofNlMsghdr + len(c.data)), Type: c.typ, PID: c.from}, Data: c.data}
		got := isLoss(m, protocol, own)
		if got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
		b := append(native.AppendUint16(native.AppendUint32(nil, m.Header.Length), uint16(c.typ)), make([]byte, 10)...)
		if n, err := filter.Run(append(b, c.data...)); err != nil || got && n == 0 {
			t.Errorf("%s: the filter lets %d octets through (%v)", c.what, n, err)
		}
	}
}

// TestKernelLossesAreHeard: what ip(8) deletes of a mobile node's and a home agent's, and not what they delete
// themselves.
func TestKernelLossesAreHeard(t *testing.T) {
	testkernel.Namespace(t)
	eth0 := link(t)
	m, err := OpenMobileNode(Marks{}, false)
	must(t, err)
	defer m.Close()
	w, err := m.Losses()
	must(t, err)
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	lost, done := make(chan struct{}, 10), make(chan error)
	go func() { done <- w.Run(ctx, func() { lost <- struct{}{} }) }()
	defer func() { cancel(); must(t, <-done) }()

	must(t, setPath(m, homePath(role.PathTunnelled, eth0)))
	must(t, setPath(m, homePath(role.PathBlocked, eth0))) // deletes a rule
	must(t, setPath(m, homePath(role.PathTunnelled, eth0)))
	select {
	case <-lost:
		t.Error("our own changes count as losses")
	case <-time.After(200 * time.Millisecond):
	}
	other, err := dial()
	must(t, err)
	defer other.close()
	for name, harm := range map[string]func() error{
		"rules":  func() error { return other.cleanRules(m.paths.marks) },
		"routes": func() error { return other.cleanRoutes(m.paths.marks, isDiscard) },
	} {
		must(t, harm())
		select {
		case <-lost:
			must(t, m.Reinstate())
		case <-time.After(10 * time.Second):
			t.Errorf("%s were deleted and nobody heard of it", name)
		}
	}
}
