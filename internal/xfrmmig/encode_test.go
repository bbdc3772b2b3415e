package xfrmmig

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The captures are what iproute2 6.1 writes, seen with
//
//	strace -e trace=sendmsg -e write=4 COMMAND
//
// without the 16 octets of the netlink header, whose sequence number differs.

func TestEncodersWriteWhatIproute2Writes(t *testing.T) {
	s := HomeAgentSignalling()
	for _, c := range []struct {
		command string
		got     []byte
		want    string
	}{
		{
			"ip xfrm state add src :: dst :: proto hao reqid 6275 mode ro coa :: flag wildrecv",
			s.states[0].encode(),
			zeros(76) + "3c000000" + zeros(16) + ones(32) + zeros(80) + "83180000" + "0a00" + "02" + "00" + "08" + zeros(7) +
				"14000e00" + zeros(16),
		},
		{
			"ip xfrm state delete src :: dst :: proto hao",
			s.states[0].encodeDelete(),
			zeros(20) + "0a00" + "3c00" + "14000d00" + zeros(16),
		},
		{
			"ip xfrm policy add src ::/0 dst ::/0 proto 135 type 5 dir in priority 9 ptype sub" +
				" tmpl src :: dst :: proto hao reqid 6275 mode ro level use",
			s.policies[0].encode(),
			zeros(36) + "0005ffff" + "0a000000" + "87" + zeros(11) + ones(32) + zeros(64) + "09000000" + zeros(12) +
				"0a00100001000000" + zeros(4) +
				"44000500" + zeros(20) + "3c000000" + "0a000000" + zeros(16) + "83180000" + "02000100" + ones(12),
		},
		{
			"ip xfrm policy delete src ::/0 dst ::/0 proto 135 type 5 dir in ptype sub",
			s.policies[0].encodeDelete(),
			zeros(36) + "0005ffff" + "0a000000" + "87" + zeros(19) + "0a00100001000000" + zeros(4),
		},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
		}
	}
}

// What strongSwan and others hand to IPV6_XFRM_POLICY has the same two structures:
// the policy, as in XFRM_MSG_NEWPOLICY, and its templates without an attribute.
func TestSocketPolicy(t *testing.T) {
	template := func(proto string) string {
		return zeros(20) + proto + "000000" + "0a000000" + zeros(16) + "83180000" + "02000100" + ones(12)
	}
	want := zeros(40) + "0a000000" + zeros(12) + ones(32) + zeros(64) + zeros(16) + template("3c") + template("2b")
	if got := hex.EncodeToString(SocketPolicy()); got != want {
		t.Errorf(" got %s\nwant %s", got, want)
	}
}

func zeros(octets int) string { return strings.Repeat("00", octets) }
func ones(octets int) string  { return strings.Repeat("ff", octets) }
