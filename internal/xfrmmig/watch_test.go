package xfrmmig

import (
	"testing"

	"github.com/mdlayher/netlink"
)

func TestOwnAndSubPoliciesAreNoLoss(t *testing.T) {
	const own = 7
	main, sub := Policy{Main: true}.encodeDelete(), Policy{}.encodeDelete()
	for _, c := range []struct {
		what string
		typ  netlink.HeaderType
		from uint32
		data []byte
		want bool
	}{
		{"a policy", msgDelPolicy, 9, main, true},
		{"by ourselves", msgDelPolicy, 7, main, false},
		{"a direct path's", msgDelPolicy, 9, sub, false},
		{"cut short", msgDelPolicy, 9, main[:10], true},
		{"all", msgFlushPolicy, 9, nil, true},
		{"an association", msgDelSA, 9, nil, true},
		{"all associations", msgFlushSA, 9, nil, true},
		{"a new one", msgNewSA, 9, nil, false},
		{"a new policy", msgNewPolicy, 9, nil, false},
	} {
		if got := isLoss(netlink.Message{Header: netlink.Header{Type: c.typ, PID: c.from}, Data: c.data}, own); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
