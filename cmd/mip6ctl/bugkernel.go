package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/doctor"
	"mip6d/internal/rtnl"
)

// programTimeout bounds each program whose output is part of a report.
const programTimeout = 15 * time.Second

// programs tell what the kernel has, and what mip6d has logged. ip xfrm state shows keys
// unless it is told not to.
var programs = []struct{ name, command string }{
	{"kernel/uname.txt", "uname -a"},
	{"kernel/links.txt", "ip -d -s link show"},
	{"kernel/addresses.txt", "ip -d addr show"},
	{"kernel/routes6.txt", "ip -6 route show table all"},
	{"kernel/routes4.txt", "ip -4 route show table all"},
	{"kernel/rules6.txt", "ip -6 rule show"},
	{"kernel/rules4.txt", "ip -4 rule show"},
	{"kernel/neighbours.txt", "ip -6 neigh show"},
	{"kernel/proxies.txt", "ip -6 neigh show proxy"},
	{"kernel/xfrm-policies.txt", "ip -d xfrm policy list"},
	{"kernel/xfrm-states.txt", "ip -d xfrm state list nokeys"},
	{"kernel/xfrm-counters.txt", "cat /proc/net/xfrm_stat"},
	{"kernel/snmp6.txt", "cat /proc/net/snmp6"},
	{"kernel/sysctls.txt", "sysctl -a -r ^net\\.ipv6\\.(conf|neigh|route)\\."},
	{"kernel/tc.txt", "tc -s filter show"},
	{"kernel/modules.txt", "cat /proc/modules"},
	{"log.txt", "journalctl -u mip6d -n 2000 --no-pager -o short-iso-precise"},
	{"unit.txt", "systemctl status mip6d --no-pager -n 0"},
}

// kernel adds what these programs print.
func (r *report) kernel(ctx context.Context) {
	r.add("mip6ctl.txt", fmt.Appendf(nil, "mip6ctl %s, control protocol %d, report made %s\n", ctl.Version(), ctl.Protocol, r.made.Format(time.RFC3339)))
	for _, p := range programs {
		words := strings.Fields(p.command)
		ctx, cancel := context.WithTimeout(ctx, programTimeout)
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			r.lacks(p.name, fmt.Errorf("%s: %w", p.command, err))
		}
		if len(out) > 0 {
			r.add(p.name, append(fmt.Appendf(nil, "$ %s\n", p.command), out...))
		}
	}
}

// doctor adds what mip6ctl doctor finds.
func (r *report) doctor(cmd *cobra.Command, cfg *config.Config) {
	var roles []doctor.Role
	var marks rtnl.Marks
	if cfg != nil {
		roles, marks = rolesOf(cfg), marksOf(cfg)
	}
	kernel, findings, err := examine(cmd, "", marks)
	if err != nil {
		r.lacks("doctor.json", err)
		return
	}
	var b bytes.Buffer
	if err := formatJSON.print(&b, doctor.Judge(kernel, findings, roles)); err != nil {
		r.lacks("doctor.json", err)
		return
	}
	r.add("doctor.json", b.Bytes())
}
