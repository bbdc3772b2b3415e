package rtnl

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"mip6d/internal/role"
)

var (
	hoa = netip.MustParseAddr("2001:db8:1::100")
	coa = netip.MustParseAddr("2001:db8:f1::100")
	ha  = netip.MustParseAddr("2001:db8:1::1")
)

// The captures are what iproute2 6.1 writes, seen with
//
//	strace -e trace=sendmsg -e write=3 COMMAND
//
// with the netlink header's length, type and flags, and without its sequence
// number and port. lo is interface 1.
func TestEncodersWriteWhatIproute2Writes(t *testing.T) {
	own := &paths{marks: Marks{}.withDefaults()}
	for _, c := range []struct {
		command string
		got     request
		want    string
	}{
		{
			"ip -6 route replace 2001:db8:1::100/128 encap ip6 dst 2001:db8:f1::100 src 2001:db8:1::1 hoplimit 64 dev lo proto 75",
			route{
				dst: host(hoa), table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 1,
				encapDst: coa, encapSrc: ha,
			}.set(),
			"74000000" + "1800" + "0505" + "0a800000fe4b000100000000" +
				"1400010020010db8000100000000000000000100" +
				"34001680" + "1400020020010db800f100000000000000000100" + "1400030020010db8000100000000000000000001" +
				"0500040040000000" + "0600150004000000" + "0800040001000000",
		},
		{
			"ip -6 route replace unreachable default table 6275 proto 75",
			route{dst: everything, table: 6275, protocol: 75, kind: unix.RTN_UNREACHABLE}.set(),
			"38000000" + "1800" + "0505" + "0a000000004b000700000000" +
				"1400010000000000000000000000000000000000" + "08000f0083180000",
		},
		{
			"ip -6 route replace 2001:db8:1::1/128 via fe80::1 dev lo proto 75 metric 1",
			route{
				dst: host(ha), table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 1,
				via: netip.MustParseAddr("fe80::1"), metric: 1,
			}.set(),
			"54000000" + "1800" + "0505" + "0a800000fe4b000100000000" +
				"1400010020010db8000100000000000000000001" + "14000500fe800000000000000000000000000001" +
				"0800060001000000" + "0800040001000000",
		},
		{
			"ip -6 route replace default dev lo table 6277 proto 75",
			route{dst: everything, table: 6277, protocol: 75, kind: unix.RTN_UNICAST, oif: 1}.set(),
			"40000000" + "1800" + "0505" + "0a000000004b000100000000" +
				"1400010000000000000000000000000000000000" + "08000f0085180000" + "0800040001000000",
		},
		{
			// iproute2 has no word for FIB_RULE_FIND_SADDR; 00000100 here, else
			// "ip -6 rule add from 2001:db8:1::100 lookup 6275 priority 6276 protocol 75".
			"ip -6 rule add, with FIB_RULE_FIND_SADDR",
			rule{src: host(hoa), table: 6275, priority: 6276, protocol: 75}.set(),
			"48000000" + "2000" + "0506" + "0a00800000000001" + "00000100" +
				"1400020020010db8000100000000000000000100" + "08000f0083180000" + "0800060084180000" + "050015004b000000",
		},
		{
			"ip -6 rule add to 2001:db8:cafe::/56 lookup main priority 627 protocol 75",
			rule{dst: netip.MustParsePrefix("2001:db8:cafe::/56"), table: unix.RT_TABLE_MAIN, priority: 627, protocol: 75}.set(),
			"40000000" + "2000" + "0506" + "0a380000fe00000100000000" +
				"1400010020010db8cafe00000000000000000000" + "0800060073020000" + "050015004b000000",
		},
		{
			"ip -6 rule add from 2001:db8:1::1 iif lo lookup 6275 priority 627 protocol 75",
			rule{src: host(ha), local: true, bound: true, table: 6275, priority: 627, protocol: 75}.set(),
			"50000000" + "2000" + "0506" + "0a0080000000000100000000" + "1400020020010db8000100000000000000000001" +
				"070003006c6f0000" + "08000f0083180000" + "0800060073020000" + "050015004b000000",
		},
		{
			"ip -6 route replace unreachable 2001:db8:cafe::/56 proto 75 metric 4294967294",
			own.discard(netip.MustParsePrefix("2001:db8:cafe::/56")).set(),
			"38000000" + "1800" + "0505" + "0a380000fe4b000700000000" +
				"1400010020010db8cafe00000000000000000000" + "08000600feffffff",
		},
		{
			"tc qdisc add dev lo root handle 6275: plug limit 4194304",
			plug(1, plugMake, unix.NLM_F_CREATE|unix.NLM_F_EXCL),
			"3c000000" + "2400" + "0506" + "0000000001000000" + "00007562" + "ffffffff" + "00000000" +
				"09000100706c756700000000" + "0c00020003000000" + "00004000",
		},
		{
			"tc qdisc change dev lo root handle 6275: plug release_indefinite, but with a limit",
			plug(1, plugRelease, 0),
			"3c000000" + "2400" + "0500" + "0000000001000000" + "00007562" + "ffffffff" + "00000000" +
				"09000100706c756700000000" + "0c00020002000000" + "00004000",
		},
		{
			"ip -6 addr replace 2001:db8:1::100/128 dev lo nodad home noprefixroute",
			address{
				prefix: host(hoa), ifindex: 1, valid: forever, preferred: forever,
				flags: unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_NOPREFIXROUTE,
			}.set(),
			"48000000" + "1400" + "0505" + "0a80000001000000" +
				"1400020020010db8000100000000000000000100" + "0800080012020000" + "1400010020010db8000100000000000000000100",
		},
		{
			"ip -6 addr add 2001:db8:1::100/128 dev lo valid_lft 600 preferred_lft 600 home noprefixroute",
			address{
				prefix: host(hoa), ifindex: 1, valid: 600, preferred: 600, flags: unix.IFA_F_HOMEADDRESS | unix.IFA_F_NOPREFIXROUTE,
			}.add(),
			"5c000000" + "1400" + "0506" + "0a80000001000000" +
				"1400020020010db8000100000000000000000100" + "0800080010020000" + "1400010020010db8000100000000000000000100" +
				"14000600" + "5802000058020000" + "0000000000000000",
		},
		{
			"ip -6 neigh replace 2001:db8:1::1 lladdr 02:00:00:00:00:01 nud reachable dev lo",
			neighbour(1, ha, []byte{2, 0, 0, 0, 0, 1}),
			"3c000000" + "1c00" + "0505" + "0a0000000100000002000000" +
				"1400010020010db8000100000000000000000001" + "0a000200020000000001" + "0000",
		},
		{
			"ip -6 route replace default metric 1023 proto 75 nexthop via fe80::a dev lo nexthop via fe80::b dev lo",
			route{
				dst: everything, table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 1, metric: spreadMetric,
				via: netip.MustParseAddr("fe80::a"), more: hops{netip.MustParseAddr("fe80::b")},
			}.set(),
			"74000000" + "1800" + "0505" + "0a000000fe4b000100000000" + "1400010000000000000000000000000000000000" +
				"08000600ff030000" + "3c000900" + "1c00000001000000" + "14000500fe80000000000000000000000000000a" +
				"1c00000001000000" + "14000500fe80000000000000000000000000000b",
		},
		{
			"ip addrlabel add prefix 2001:db8:1::/64 label 50, which has EXCL for REPLACE",
			Label{netip.MustParsePrefix("2001:db8:1::/64"), 50}.set(),
			"38000000" + "4800" + "0505" + "0a00400000000000" + "00000000" + "0800020032000000" +
				"1400010020010db8000100000000000000000000",
		},
		{
			"ip addrlabel del prefix 2001:db8:1::/64 label 50",
			Label{netip.MustParsePrefix("2001:db8:1::/64"), 50}.del(),
			"38000000" + "4900" + "0500" + "0a00400000000000" + "00000000" + "0800020032000000" +
				"1400010020010db8000100000000000000000000",
		},
		{
			"ip link add mip6t mtu 1460 up type ip6tnl external",
			tunnel{name: "mip6t", external: true}.create(),
			"54000000" + "1000" + "0506" + "00000000" + "00000000" + "01000000" + "01000000" +
				"08000400b4050000" + "0a0003006d69703674000000" +
				"20001200" + "0a000100697036746e6c0000" + "10000200" + "0500090000000000" + "04001300",
		},
		{
			"ip route replace 192.0.2.100/32 encap ip6 dst 2001:db8:f1::100 src 2001:db8:1::1 hoplimit 64 dev lo proto 75",
			route{
				dst: host(hoa4), table: unix.RT_TABLE_MAIN, protocol: 75, kind: unix.RTN_UNICAST, oif: 1,
				encapDst: coa, encapSrc: ha,
			}.set(),
			"68000000" + "1800" + "0505" + "02200000fe4bfd0100000000" + "08000100c0000264" +
				"34001680" + "1400020020010db800f100000000000000000100" + "1400030020010db8000100000000000000000001" +
				"0500040040000000" + "0600150004000000" + "0800040001000000",
		},
		{
			"ip route replace default dev lo src 192.0.2.100 table 6277 proto 75",
			own.routes4(role.HomePath{IPv4: hoa4, IPv4Default: true}, &path{table: 6277, index: 1})[1].set(),
			"34000000" + "1800" + "0505" + "02000000004bfd0100000000" + "08000700c0000264" + "08000f0085180000" + "0800040001000000",
		},
		{
			"ip route replace default dev lo metric 1 table 6277 proto 75",
			own.routes4(role.HomePath{IPv4: hoa4}, &path{table: 6277, index: 1})[0].set(),
			"34000000" + "1800" + "0505" + "02000000004bfd0100000000" + "0800060001000000" + "08000f0085180000" + "0800040001000000",
		},
		{
			"ip route replace unreachable default table 6275 proto 75",
			route{dst: everything4, table: 6275, protocol: 75, kind: unix.RTN_UNREACHABLE}.set(),
			"24000000" + "1800" + "0505" + "02000000004b000700000000" + "08000f0083180000",
		},
		{
			"ip rule add from 192.0.2.100 iif lo lookup 6277 priority 628 protocol 75",
			own.rule(hoa4, rulePath, 6277).set(),
			"44000000" + "2000" + "0506" + "020020000000000100000000" +
				"08000200c0000264" + "070003006c6f0000" + "08000f0085180000" + "0800060074020000" + "050015004b000000",
		},
		{
			"ip rule add from 0.0.0.0/32 lookup 6277 priority 628 protocol 75",
			own.all4(6277).set(),
			"3c000000" + "2000" + "0506" + "020020000000000100000000" +
				"0800020000000000" + "08000f0085180000" + "0800060074020000" + "050015004b000000",
		},
		{
			"ip rule add from 0.0.0.0/32 lookup main suppress_prefixlength 0 priority 627 protocol 75",
			own.onLink4().set(),
			"3c000000" + "2000" + "0506" + "02002000fe00000100000000" +
				"0800020000000000" + "08000e0000000000" + "0800060073020000" + "050015004b000000",
		},
		{
			"ip addr replace 192.0.2.100/32 dev lo scope link noprefixroute",
			address{prefix: host(hoa4), ifindex: 1, valid: forever, preferred: forever, flags: unix.IFA_F_NOPREFIXROUTE}.set(),
			"30000000" + "1400" + "0505" + "022000fd01000000" + "08000200c0000264" + "0800080000020000" + "08000100c0000264",
		},
	} {
		b := appendMessage(nil, c.got, 0x6b, true)
		got := hex.EncodeToString(b[:8]) + hex.EncodeToString(b[16:])
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
		}
	}
}
