package proxynd

import "testing"

// The options that RFC 6275 adds to Router Advertisements mean nothing in other
// messages of neighbour discovery, and do no harm there (§7.3, §7.4).
//
// Requirements: 6275-7.3-4, 6275-7.4-7
func TestRFC6275_7_3_RouterOptionsInASolicitation(t *testing.T) {
	const advertisementInterval, homeAgentInformation = 7, 8
	plain, ok := parse(build(hostMAC, ourMAC, host, hoa, typeNS, 0, hoa, 0, linkAddr{}))
	if !ok {
		t.Fatal("found invalid")
	}
	want := look(t, testResponder().respond(plain))
	for _, option := range []byte{advertisementInterval, homeAgentInformation} {
		m, ok := parse(build(hostMAC, ourMAC, host, hoa, typeNS, 0, hoa, option, linkAddr{1, 2, 3, 4, 5, 6}))
		if !ok {
			t.Fatalf("option %d: found invalid", option)
		}
		if got := look(t, testResponder().respond(m)); string(got.Options) != string(want.Options) || got.Flags != want.Flags || got.To != want.To {
			t.Errorf("option %d: answered %+v, without it %+v", option, got, want)
		}
	}
}
