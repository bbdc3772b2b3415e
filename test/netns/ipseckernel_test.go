package netns

import (
	"context"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/test/netns/topology"
)

// The kernel's reading of a message's type, which is why our policies have none: with
// "type 5" in its selector a policy that wants ESP refuses a Binding Update behind a
// Home Address option, and lets one without the option, a de-registration, in as it is.
// Where this fails the kernel has learnt to read, and policies may have types.
func TestKernelIPsecMisreadsTheTypeOfABareMessage(t *testing.T) {
	topo := topology.New(t, topology.Config{Unplug: true})
	f := newForger(t, topo)
	var sock *mhsock.MH
	if err := topo.HA.Do(func() (err error) { sock, err = mhsock.ListenMH(nil, nil); return err }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	events, ended := make(chan role.Event, 16), make(chan error, 1)
	go func() { ended <- sock.Run(ctx, func(e role.Event) { events <- e }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		sock.Close()
	})
	bu := &mh.BindingUpdate{Sequence: 1, Ack: true, Home: true}
	raw, err := mh.Marshal(bu)
	if err != nil {
		t.Fatal(err)
	}
	mh.SetChecksum(raw, f.careOf, topology.HAAddr)
	comes := func(limit time.Duration) bool {
		t.Helper()
		for end := time.Now().Add(limit); time.Now().Before(end); {
			if err := f.sock.Send(role.Send{Src: f.careOf, Dst: topology.HAAddr, Raw: raw}); err != nil {
				t.Fatal(err)
			}
			select {
			case <-events:
				return true
			case <-time.After(200 * time.Millisecond):
			}
		}
		return false
	}
	policy := func(do string, typ ...string) {
		t.Helper()
		args := append([]string{"xfrm", "policy", do, "src", f.careOf.String() + "/128", "dst", topology.HAAddr.String() + "/128", "proto", "135"}, typ...)
		args = append(args, "dir", "in")
		if do == "add" {
			args = append(args, "tmpl", "src", f.careOf.String(), "dst", topology.HAAddr.String(), "proto", "esp", "mode", "transport")
		}
		if out, err := topo.HA.Run(t.Context(), "ip", args...); err != nil {
			t.Fatal(out, err)
		}
	}
	if !comes(10 * time.Second) {
		t.Fatal("without a policy nothing comes")
	}
	policy("add", "type", "5")
	if !comes(5 * time.Second) {
		t.Error("the policy with the type 5 refuses a bare message of type 5")
	}
	policy("delete", "type", "5")
	policy("add")
	time.Sleep(500 * time.Millisecond)
	for len(events) > 0 { // of before
		<-events
	}
	if comes(time.Second) {
		t.Error("the policy without a type lets it in")
	}
}
