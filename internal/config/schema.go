package config

import (
	"net/netip"

	"gopkg.in/yaml.v3"
)

// root reads the whole file. These functions are the list of keys.
func (d *decoder) root(c *Config, n *yaml.Node) {
	level := ""
	d.mapping("", n,
		optional("home_agent", func(path string, n *yaml.Node) {
			c.HomeAgent = &HomeAgent{MaxLifetime: defaultMaxLifetime, MaxBindings: defaultMaxBindings, TimestampWindow: defaultTimestampWindow}
			d.homeAgent(c.HomeAgent, path, n)
		}),
		optional("mobile_node", func(path string, n *yaml.Node) {
			c.MobileNode = &MobileNode{RouteOptimization: RouteOptimization{
				Default: true, IdleTimeout: defaultIdleTimeout, RetryAfter: defaultRetryAfter, MaxPeers: defaultMaxPeers,
			}, AddressPolicy: AddressPolicy{Prefer: PreferHome}, LoadSharing: true}
			d.mobileNode(c.MobileNode, path, n)
		}),
		optional("correspondent_node", func(path string, n *yaml.Node) {
			c.CorrespondentNode = &CorrespondentNode{
				RouteOptimization: RouteOptimization{Default: true},
				MaxBindings:       defaultCNBindings, MaxLifetime: maxCNLifetime,
			}
			d.correspondentNode(c.CorrespondentNode, path, n)
		}),
		optional("run_dir", d.absolute(&c.RunDir)),
		optional("state_dir", d.absolute(&c.StateDir)),
		optional("control", func(path string, n *yaml.Node) {
			d.mapping(path, n,
				optional("socket", d.absolute(&c.Control.Socket)),
				optional("group", d.text(&c.Control.Group, "a group's name")),
				optional("journal", integer(d, &c.Control.Journal, 0, maxJournal)),
			)
			c.Control.GroupGiven = d.has(join(path, "group"))
		}),
		optional("kernel", func(path string, n *yaml.Node) {
			d.mapping(path, n,
				optional("route_protocol", integer(d, &c.Kernel.RouteProtocol, 1, 255)),
				optional("rule_priority", integer(d, &c.Kernel.RulePriority, 1, 32765-RulePriorities+1)),
				optional("table", integer(d, &c.Kernel.Table, 1, maxTable)),
				optional("tunnel_name", d.ifName(&c.Kernel.TunnelName)),
				optional("tunnel_prefix", d.ifName(&c.Kernel.TunnelPrefix)),
			)
		}),
		optional("log", func(path string, n *yaml.Node) {
			d.mapping(path, n,
				optional("level", choice(d, &level, "debug", "info", "warn", "error")),
				optional("format", choice(d, &c.Log.Format, LogText, LogJSON)),
			)
		}),
		optional("metrics", func(path string, n *yaml.Node) {
			d.mapping(path, n, required("listen", d.listener(&c.Metrics.Listen)))
		}),
	)
	if level != "" {
		// The words are slog's own, so this cannot fail.
		_ = c.Log.Level.UnmarshalText([]byte(level))
	}
	if c.Control.Socket == "" {
		c.Control.Socket = c.RunDir + "/" + defaultSocketName
	}
}

func (d *decoder) homeAgent(h *HomeAgent, path string, n *yaml.Node) {
	byDefault := Allow
	d.mapping(path, n,
		required("links", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				var l HomeLink
				d.homeLink(&l, path, n)
				h.Links = append(h.Links, l)
			})
		}),
		optional("mobile_nodes", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				var m MobileNodeEntry
				d.mobileNodeEntry(&m, path, n)
				h.MobileNodes = append(h.MobileNodes, m)
			})
		}),
		optional("policies", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				p := BindPolicy{Bind: Allow, MobileRouters: Allow, RouteOptimization: Allow}
				d.mapping(path, n,
					required("prefix", d.hosts(&p.Prefix)),
					optional("bind", choice(d, &p.Bind, Allow, Deny)),
					optional("mobile_routers", choice(d, &p.MobileRouters, Allow, Deny)),
					optional("route_optimization", choice(d, &p.RouteOptimization, Allow, Deny)),
					optional("max_lifetime", d.duration(&p.MaxLifetime, minLifetime, maxLifetime)),
				)
				h.Policies = append(h.Policies, p)
			})
		}),
		optional("policy_default", choice(d, &byDefault, Allow, Deny)),
		optional("allow_unauthenticated", d.boolean(&h.AllowUnauthenticated)),
		optional("prefix_advertisements", func(path string, n *yaml.Node) {
			d.prefixAdvertisements(&h.PrefixAdvertisements, path, n)
		}),
		optional("multicast", func(path string, n *yaml.Node) { d.multicast(&h.Multicast, path, n) }),
		optional("ipv4_pool", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				var p netip.Prefix
				d.subnet4(&p)(path, n)
				h.IPv4Pool = append(h.IPv4Pool, p)
			})
		}),
		optional("max_lifetime", d.duration(&h.MaxLifetime, minLifetime, maxLifetime)),
		optional("max_bindings", integer(d, &h.MaxBindings, 1, maxMaxBindings)),
		optional("timestamp_window", d.duration(&h.TimestampWindow, minTimestampWindow, maxTimestampWindow)),
	)
	if !d.has(join(path, "prefix_advertisements")) {
		h.PrefixAdvertisements = &PrefixAdvertisements{
			MinInterval: defaultMinPrefixInterval, MaxInterval: defaultMaxPrefixInterval, Unsolicited: true,
		}
	}
	h.DenyByDefault = byDefault == Deny
	for i := range h.MobileNodes {
		if h.MobileNodes[i].MaxLifetime == 0 {
			h.MobileNodes[i].MaxLifetime = h.MaxLifetime
		}
	}
}

// subnets reads a list of subnet prefixes.
func (d *decoder) subnets(dst *[]netip.Prefix) reader {
	return func(path string, n *yaml.Node) {
		d.list(path, n, func(path string, n *yaml.Node) {
			var p netip.Prefix
			d.subnet(&p)(path, n)
			*dst = append(*dst, p)
		})
	}
}

func (d *decoder) mobileNodeEntry(m *MobileNodeEntry, path string, n *yaml.Node) {
	d.mapping(path, n,
		required("home_address", d.addr(&m.HomeAddress)),
		optional("auth", d.auth(&m.Auth)),
		optional("ipsec", d.ipsec(&m.IPsec)),
		optional("max_lifetime", d.duration(&m.MaxLifetime, minLifetime, maxLifetime)),
		optional("router", d.boolean(&m.Router)),
		optional("prefixes", d.subnets(&m.Prefixes)),
		optional("ipv4_home_address", d.addr4(&m.IPv4HomeAddress)),
	)
	if len(m.Prefixes) > 0 && !d.has(join(path, "router")) {
		m.Router = true
	}
}

func (d *decoder) mobileNode(m *MobileNode, path string, n *yaml.Node) {
	d.mapping(path, n,
		required("homes", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				h := Home{Lifetime: defaultLifetime, Renumber: true}
				d.home(&h, path, n)
				m.Homes = append(m.Homes, h)
			})
		}),
		required("interfaces", func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				i := Interface{Preference: defaultPreference, DAD: DADOptimistic, HomeAddressFlag: true}
				temporary := "off"
				d.mapping(path, n,
					required("name", d.ifName(&i.Name)),
					optional("preference", integer(d, &i.Preference, 0, maxPreference)),
					optional("dad", choice(d, &i.DAD, DADOptimistic, DADOn, DADOff)),
					optional("use_tempaddr", choice(d, &temporary, "off", "leave")),
					optional("home_address_flag", d.onOff(&i.HomeAddressFlag)),
				)
				i.KeepTempAddrs = temporary == "leave"
				m.Interfaces = append(m.Interfaces, i)
			})
		}),
		optional("allow_unauthenticated", d.boolean(&m.AllowUnauthenticated)),
		optional("release_on_stop", d.boolean(&m.ReleaseOnStop)),
		optional("route_optimization", func(path string, n *yaml.Node) {
			o := &m.RouteOptimization
			d.mapping(path, n, append(d.optimization(o),
				optional("idle_timeout", d.duration(&o.IdleTimeout, minIdleTimeout, maxIdleTimeout)),
				optional("retry_after", d.duration(&o.RetryAfter, minRetryAfter, maxRetryAfter)),
				optional("max_peers", integer(d, &o.MaxPeers, 1, maxMaxPeers)),
			)...)
			d.checkOptimization(path, *o)
		}),
		optional("load_sharing", d.onOff(&m.LoadSharing)),
		optional("address_policy", func(path string, n *yaml.Node) { d.addressPolicy(&m.AddressPolicy, path, n) }),
	)
}

func (d *decoder) addressPolicy(a *AddressPolicy, path string, n *yaml.Node) {
	d.mapping(path, n,
		optional("prefer", choice(d, &a.Prefer, PreferHome, PreferCareOf)),
		optional("labels", func(path string, n *yaml.Node) {
			rows := unique{}
			d.list(path, n, func(path string, n *yaml.Node) {
				var l AddressLabel
				d.mapping(path, n,
					required("prefix", d.hosts(&l.Prefix)),
					required("label", integer(d, &l.Label, 0, maxLabel)),
				)
				if l.Prefix.IsValid() {
					d.once(rows, join(path, "prefix"), l.Prefix.String(), "one label for a prefix")
				}
				a.Labels = append(a.Labels, l)
			})
		}),
	)
}

func (d *decoder) correspondentNode(c *CorrespondentNode, path string, n *yaml.Node) {
	d.mapping(path, n,
		optional("route_optimization", func(path string, n *yaml.Node) {
			d.mapping(path, n, d.optimization(&c.RouteOptimization)...)
			d.checkOptimization(path, c.RouteOptimization)
		}),
		optional("max_bindings", integer(d, &c.MaxBindings, 1, maxCNBindings)),
		optional("max_lifetime", d.duration(&c.MaxLifetime, minLifetime, maxCNLifetime)),
	)
}

// optimization is what both ends of a direct path are told.
func (d *decoder) optimization(o *RouteOptimization) []field {
	prefixes := func(dst *[]netip.Prefix) reader {
		return func(path string, n *yaml.Node) {
			d.list(path, n, func(path string, n *yaml.Node) {
				var p netip.Prefix
				d.hosts(&p)(path, n)
				*dst = append(*dst, p)
			})
		}
	}
	return []field{
		optional("default", d.onOff(&o.Default)),
		optional("allow", prefixes(&o.Allow)),
		optional("deny", prefixes(&o.Deny)),
	}
}

func (d *decoder) home(h *Home, path string, n *yaml.Node) {
	ipv4Address, ipv4Route := d.ipv4Home(h)
	d.mapping(path, n,
		required("home_address", func(path string, n *yaml.Node) { d.homeAddress(h, path, n) }),
		optional("home_agent", d.addr(&h.HomeAgent)),
		optional("auth", d.auth(&h.Auth)),
		optional("ipsec", d.ipsec(&h.IPsec)),
		optional("lifetime", d.duration(&h.Lifetime, minLifetime, maxLifetime)),
		optional("link_local", d.boolean(&h.LinkLocal)),
		optional("renumber", d.onOff(&h.Renumber)),
		optional("groups", d.groups(&h.Groups)),
		ipv4Address,
		ipv4Route,
		optional("mobile_network", func(path string, n *yaml.Node) {
			h.MobileNetwork = &MobileNetwork{Mode: NetworkExplicit}
			d.mapping(path, n,
				required("prefixes", d.subnets(&h.MobileNetwork.Prefixes)),
				optional("mode", choice(d, &h.MobileNetwork.Mode, NetworkExplicit, NetworkImplicit)),
			)
		}),
	)
}

// homeAddress reads an address, or what it is to be made of.
func (d *decoder) homeAddress(h *Home, path string, n *yaml.Node) {
	if e := enter(n); e.Kind != yaml.MappingNode || isUnquoted(e) {
		d.addrWithLength(&h.HomeAddress)(path, n)
		return
	}
	f := &Formed{}
	h.Formed = f
	d.mapping(path, n,
		required("prefix", d.subnet(&h.HomeAddress)),
		required("interface_id", choice(d, &f.InterfaceID, EUI64, Stateful)),
		optional("interface", d.ifName(&f.Interface)),
	)
	if p := h.HomeAddress; p.IsValid() && p.Bits() != 64 {
		d.wrongf(join(path, "prefix"), "has a length of %d: interface identifiers of this kind have 64 bits, so that it must be 64", p.Bits())
	}
}

func (d *decoder) auth(dst **Auth) reader {
	return func(path string, n *yaml.Node) {
		a := &Auth{KeyFormat: KeyHex, Replay: ReplayTimestamp}
		*dst = a
		d.mapping(path, n,
			required("spi", integer(d, &a.SPI, minSPI, 1<<32-1)),
			required("key_file", d.text(&a.KeyFile, "the path of a file with the key")),
			optional("key_format", choice(d, &a.KeyFormat, KeyHex, KeyRaw)),
			optional("replay", choice(d, &a.Replay, ReplayTimestamp, ReplaySequence, ReplayNone)),
			optional("mn_id", d.text(&a.MNID, "a network access identifier, such as mn@example.org")),
		)
		if a.KeyFile == "" {
			return
		}
		key, name, err := d.keys(a.KeyFile, a.KeyFormat)
		a.Key, a.KeyFile = key, name
		if err != nil {
			d.wrongf(join(path, "key_file"), "%v", err)
		}
	}
}
