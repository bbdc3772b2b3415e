package xfrmmig

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"mip6d/test/testkernel"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestKernelSetIsIdempotentAndCleanupKnowsOurs sets everything twice, beside
// what is another's, looks, and cleans up.
func TestKernelSetIsIdempotentAndCleanupKnowsOurs(t *testing.T) {
	testkernel.Namespace(t)
	c, err := Dial()
	must(t, err)
	defer c.Close()
	theirState := State{Proto: ProtoRouting, Src: ha, Dst: hoa, CareOf: coa, Reqid: 99}
	theirPolicy := Policy{
		Selector: Selector{Dst: netip.PrefixFrom(hoa, 128)}, Dir: Out, Priority: 16,
		Templates: []Template{{Proto: ProtoRouting, Src: ha, Dst: hoa, Reqid: 99}},
	}
	must(t, c.SetState(theirState))
	must(t, c.SetPolicy(theirPolicy))
	for range 2 {
		for _, s := range []Signalling{HomeAgentSignalling(), MobileNodeSignalling()} {
			must(t, c.Set(s))
		}
	}
	states, err := c.States()
	must(t, err)
	policies, err := c.Policies()
	must(t, err)
	if len(states) != 3 || len(policies) != 3 {
		t.Fatalf("%d states and %d policies, want 3 of each:\n%+v\n%+v", len(states), len(policies), states, policies)
	}
	for range 2 {
		must(t, c.Cleanup())
	}
	states, err = c.States()
	must(t, err)
	policies, err = c.Policies()
	must(t, err)
	if diff := cmp.Diff([]State{theirState}, states, same); diff != "" {
		t.Errorf("states after cleanup:\n%s", diff)
	}
	if diff := cmp.Diff([]Policy{theirPolicy}, policies, same); diff != "" {
		t.Errorf("policies after cleanup:\n%s", diff)
	}
}

// TestKernelSetChangesInPlace: a second Set leaves one state and one policy, with
// what it says.
func TestKernelSetChangesInPlace(t *testing.T) {
	testkernel.Namespace(t)
	c, err := Dial()
	must(t, err)
	defer c.Close()
	s := State{Proto: ProtoRouting, Src: ha, Dst: hoa, CareOf: coa, Reqid: Reqid}
	must(t, c.SetState(s))
	s.CareOf = coa.Next()
	must(t, c.SetState(s))
	states, err := c.States()
	must(t, err)
	if diff := cmp.Diff([]State{s}, states, same); diff != "" {
		t.Error(diff)
	}
	p := Policy{Selector: Selector{Proto: unix.IPPROTO_MH}, Priority: 9, Templates: []Template{{
		Proto: ProtoRouting, Src: netip.IPv6Unspecified(), Dst: netip.IPv6Unspecified(), Reqid: Reqid, Optional: true,
	}}}
	must(t, c.SetPolicy(p))
	p.Templates[0].Optional, p.Priority = false, 12
	must(t, c.SetPolicy(p))
	policies, err := c.Policies()
	must(t, err)
	if diff := cmp.Diff([]Policy{p}, policies, same); diff != "" {
		t.Error(diff)
	}
}

// TestKernelInterfaceNumberTellsPoliciesApart: one selector has a policy for an
// xfrm interface and one for none, and each is deleted by itself.
func TestKernelInterfaceNumberTellsPoliciesApart(t *testing.T) {
	testkernel.Namespace(t)
	c, err := Dial()
	must(t, err)
	defer c.Close()
	without := Policy{
		Selector: Selector{Dst: netip.PrefixFrom(hoa, 128)}, Dir: Out, Priority: 16,
		Templates: []Template{{Proto: ProtoRouting, Src: ha, Dst: hoa, Reqid: Reqid}},
	}
	with := without
	with.IfID = 5
	state := State{Proto: ProtoRouting, Src: ha, Dst: hoa, CareOf: coa, Reqid: Reqid, IfID: 5}
	must(t, c.SetPolicy(without))
	must(t, c.SetPolicy(with))
	must(t, c.SetState(state))
	must(t, c.DeletePolicy(without))
	policies, err := c.Policies()
	must(t, err)
	if diff := cmp.Diff([]Policy{with}, policies, same); diff != "" {
		t.Error(diff)
	}
	states, err := c.States()
	must(t, err)
	if diff := cmp.Diff([]State{state}, states, same); diff != "" {
		t.Error(diff)
	}
	must(t, c.Cleanup())
	if policies, err = c.Policies(); err != nil || len(policies) != 0 {
		t.Errorf("after cleanup: %+v, %v", policies, err)
	}
}
