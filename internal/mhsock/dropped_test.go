package mhsock

import (
	"testing"

	"mip6d/internal/role"
	"mip6d/test/nslab"
	"mip6d/test/testkernel"
)

// TestKernelDroppedIsTold: what the kernel drops while nobody reads is counted, and nothing
// before that.
func TestKernelDroppedIsTold(t *testing.T) {
	testkernel.Require(t)
	n := nslab.NewNode(t, "alone")
	n.Address("lo", haWAN.String()+"/128")
	var s *MH
	var err error
	n.Do(func() { s, err = ListenMH(nil, nil) })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dropped := func() uint64 {
		t.Helper()
		n, err := s.Dropped()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	body := make([]byte, 2048) // as long as a Mobility Header can be
	body[0], body[1], body[2] = 59, 255, 1
	const many = 20_000
	for sent := range many {
		if sent == 100 && dropped() > 0 {
			t.Fatal("some of 100 messages are dropped")
		}
		if err := s.Send(role.Send{Src: haWAN, Dst: haWAN, Raw: body}); err != nil {
			t.Fatal(err)
		}
		if sent%100 == 0 && dropped() > 0 {
			t.Logf("dropped after %d messages", sent)
			return
		}
	}
	t.Errorf("%d messages that nobody reads, and none is dropped", many)
}
