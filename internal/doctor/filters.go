package doctor

const (
	bpfOptions = "CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_ACT, CONFIG_NET_CLS_BPF, CONFIG_NET_SCH_INGRESS"
	bpfModules = "cls_bpf, sch_ingress"
)

// filters look at packets, hold them back and count them.
var filters = []Probe{
	{
		Key: "bpf_source_check", Group: groupFilters, What: "the reverse tunnel's source check in BPF, at the tunnel's ingress",
		Needs: []Need{{
			HomeAgent, Must, "tc flower takes its place: each binding costs more, and the kernel sees neighbour discovery for home addresses",
		}},
		Instead: "flower_source_check",
		Neither: "nothing checks who sends by the reverse tunnel (RFC 6275 §10.4.5), with tc flower neither",
		Get:     Remedy{Option: bpfOptions, Module: bpfModules, Also: "it needs CAP_BPF (Linux before 5.8: CAP_SYS_ADMIN)"},
	},
	{
		Key: "flower_source_check", Group: groupFilters, What: "the same in tc flower, for where BPF may not be used",
		Needs: []Need{{HomeAgent, May, "it is needed only where BPF may not be used"}},
		Get: Remedy{
			Option: "CONFIG_NET_CLS_FLOWER, CONFIG_NET_CLS_MATCHALL, CONFIG_NET_ACT_GACT, CONFIG_NET_SCH_INGRESS",
			Module: "cls_flower, cls_matchall, act_gact, sch_ingress", Also: debian,
		},
	},
	{
		Key: "bpf_new_peers", Group: groupFilters, What: "the sight of new peers in BPF, at both ends of a tunnel device",
		Needs: []Need{{MobileNode, Should, "route optimisation begins with mip6ctl ro start only"}},
		Get:   Remedy{Option: bpfOptions, Module: bpfModules, Also: "it needs CAP_BPF and Linux 5.8"},
	},
	{
		Key: "plug_queue", Group: groupFilters, What: "a queue that can hold packets (plug) on a tunnel device",
		Needs: []Need{{MobileNode, Should, "a planned change between two interfaces loses a few packets"}},
		Get:   Remedy{Option: "CONFIG_NET_SCH_PLUG", Module: "sch_plug", Also: debian},
	},
	{
		Key: "counters_64bit", Group: groupFilters, What: "64-bit packet counters of interfaces (IFLA_STATS64)",
		Needs: []Need{
			{HomeAgent, May, "counters of tunnels wrap around at 4 GB"},
			{MobileNode, May, "counters of tunnels wrap around at 4 GB"},
		},
		Get: Remedy{Option: "CONFIG_NET", Also: "Linux 2.6.35 or later"},
	},
}
