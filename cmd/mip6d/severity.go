package main

import (
	"slices"
	"strings"

	"mip6d/internal/ctl"
)

// rank orders severities, the worst first.
func rank(s ctl.Severity) int {
	return slices.Index([]ctl.Severity{ctl.Critical, ctl.Serious, ctl.Warning}, s)
}

const seeLog = "see the log (journalctl -u mip6d) for when it began and what was before"

// judgements are of what a problem begins with.
var judgements = []struct {
	begins   string
	severity ctl.Severity
	do       string
}{
	{"engine", ctl.Critical, "mip6d hangs: systemd's watchdog restarts it; if not, systemctl restart mip6d, which no mobile node notices"},
	{"tunnel", ctl.Critical, "see what else manages network devices here; mip6ctl doctor tells what the kernel lacks; systemctl restart mip6d tries again"},
	{"commit", ctl.Critical, "make room on the file system of state_dir, or repair it: no binding is accepted that can't be stored"},
	{"IPsec", ctl.Critical, "see what else manages xfrm here (ip xfrm policy): what should be protected is refused meanwhile"},
	{registrationProblem, ctl.Critical, "see mip6ctl trace of the home address, here and at the home agent"},
	{homeAddressProblem, ctl.Critical, "find the node that has it, or give this one another home address"},
	{noHomeAddressProblem, ctl.Critical, "connect to the home link with a DHCPv6 client running there (systemd-networkd, NetworkManager, dhclient), and see that its server gives an address in this prefix; it is kept for when you are away"},
	{"store", ctl.Serious, "keep or send the file that was put aside; mobile nodes register anew within their lifetimes. A restart forgets this"},
	{"reload", ctl.Serious, "mend the configuration (mip6ctl check names every mistake), then mip6ctl reload; a restart takes over what a reload can't"},
	{"home link", ctl.Serious, "see that the interface is there and up (ip link)"},
	{interfacesProblem, ctl.Serious, "see that one of them is up, and that a router advertises a prefix there (mip6ctl show interfaces)"},
	{"address", ctl.Serious, "find the other node (ip -6 neigh), and give one of them another address"},
	{fullProblem, ctl.Serious, "raise home_agent.max_bindings and restart (no mobile node notices), or have another home agent take some"},
	{"multicast", ctl.Warning, "see whether mip6d may use BPF (mip6ctl doctor), or leave out home_agent.multicast"},
	{"divert", ctl.Warning, "see whether mip6d may use BPF (mip6ctl doctor)"},
	{"route optimisation", ctl.Warning, "see whether mip6d may use BPF (mip6ctl doctor), or begin it with mip6ctl ro start"},
	{"watch", ctl.Warning, "see whether mip6d may use BPF (mip6ctl doctor)"},
	{openProblem, ctl.Warning, "give each mobile node a key (home_agent.mobile_nodes[].auth) and take allow_unauthenticated out"},
	{drainProblem, ctl.Warning, "mip6ctl drain --cancel, when it is to serve again"},
}

// judge says how bad a problem is, and what to do.
func judge(what string) (ctl.Severity, string) {
	for _, j := range judgements {
		if strings.HasPrefix(what, j.begins) {
			return j.severity, j.do
		}
	}
	return ctl.Serious, seeLog
}
