package xfrmmig

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// TestKernelRestartLeavesDirectPathsAlone: the next run finds a direct path that it goes on with, and what is set again
// as it is is not touched; another care-of address or another end is.
func TestKernelRestartLeavesDirectPathsAlone(t *testing.T) {
	testkernel.Namespace(t)
	mine, other := ours, ours
	mine.Lifetime = 10 * time.Minute
	other.Peer = cn.Next()
	run := func(kept []role.Direct, effects ...role.Effect) (p *Paths) {
		t.Helper()
		p, err := OpenPaths(func(role.Event) {}, kept)
		must(t, err)
		for _, err := range p.Apply(effects) {
			must(t, err)
		}
		return p
	}
	must(t, run(nil, role.SetDirect{Direct: mine}, role.SetDirect{Direct: other}).Close())
	c, err := Dial()
	must(t, err)
	defer c.Close()
	// The kernel's own words, with each policy's number and the time at which it was made.
	words := func() (all [][]byte) {
		t.Helper()
		for _, typ := range []netlink.HeaderType{msgGetSA, msgGetPolicy} {
			messages, err := c.dump(typ)
			must(t, err)
			for _, m := range messages {
				all = append(all, m.Data)
			}
		}
		return all
	}
	time.Sleep(1100 * time.Millisecond) // a policy that is set again has another time
	p := run([]role.Direct{mine})
	want := words()
	if len(want) != 4 {
		t.Fatalf("%d states and policies are left, want those of one direct path: 4", len(want))
	}
	rest := mine
	rest.Lifetime -= 1100 * time.Millisecond
	must(t, p.Apply([]role.Effect{role.SetDirect{Direct: rest}})[0])
	if diff := cmp.Diff(want, words()); diff != "" {
		t.Errorf("a direct path that was there was touched:\n%s", diff)
	}
	if _, ok, err := p.Traffic(mine.Pair); err != nil || !ok {
		t.Errorf("nobody counts its packets: %t, %v", ok, err)
	}
	must(t, p.Apply([]role.Effect{role.SetDirect{Direct: rest}})[0])
	if cmp.Equal(want, words()) {
		t.Error("set once more it is not set: this test sees nothing")
	}
	must(t, p.Close())

	longer := mine
	longer.Lifetime += time.Minute
	p = run([]role.Direct{mine}, role.SetDirect{Direct: longer})
	messages, err := c.dump(msgGetPolicy)
	must(t, err)
	for _, m := range messages {
		if left := time.Until(decodeEnd(m.Data)); left < 10*time.Minute+30*time.Second {
			t.Errorf("a policy ends in %v, want 11 minutes", left)
		}
	}
	must(t, p.Close())

	moved := mine
	moved.CareOf = coa2
	p = run([]role.Direct{mine}, role.SetDirect{Direct: moved})
	states, err := c.States()
	must(t, err)
	if len(states) != 2 || states[0].CareOf != coa2 && states[1].CareOf != coa2 {
		t.Errorf("after a move: %+v", states)
	}
	must(t, p.Apply([]role.Effect{role.ClearDirect{Pair: mine.Pair, Side: role.Ours}})[0])
	must(t, p.Close())
	if left := words(); len(left) != 0 {
		t.Errorf("%d states and policies are left", len(left))
	}
}
