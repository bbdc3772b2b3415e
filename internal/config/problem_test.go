package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Building blocks without a fault of their own.
const (
	goodLinks = "links: [{interface: eth0, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}]"
	goodMN    = "mobile_node: {homes: [{home_address: 2001:db8:1::100/64, home_agent: 2001:db8:1::1, auth: {spi: 256, key_file: k}}], interfaces: [{name: wlan0}]}"
)

// TestProblems gives the exact text of each message. Key files are not read.
//
// Requirements: 6275-6.3-2, 6275-6.4-3
func TestProblems(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want []string
	}{
		{"empty", "", []string{
			`f:1:1: no role: give home_agent, mobile_node or correspondent_node`,
		}},
		{"only a comment", "# nothing\n", []string{
			`f:1:1: no role: give home_agent, mobile_node or correspondent_node`,
		}},
		{"not YAML", "home_agent:\n  links: [\n", []string{
			`f:2:3: not YAML: did not find expected node content`,
		}},
		{"tab", "mobile_node:\n\thomes: []\n", []string{
			`f:2:2: not YAML: found character that cannot start any token`,
		}},
		{"two documents", "correspondent_node: {}\n---\ncontrol: {}\n", []string{
			`f:2:1: there is a second document (after ---): one file holds one configuration`,
		}},
		{"a list at the top", "- home_agent\n", []string{
			`f:1:1: wants keys with values, such as "home_agent: …", and is a list`,
			`f:1:1: no role: give home_agent, mobile_node or correspondent_node`,
		}},
		{"misspelt section", "mobile_nod: {}\ncorrespondent_node: {}\n", []string{
			`f:1:1: mobile_nod: unknown key; did you mean "mobile_node"?`,
		}},
		{"hyphen for underscore", "correspondent-node: {}\n", []string{
			`f:1:1: correspondent-node: unknown key; did you mean "correspondent_node"?`,
			`f:1:1: no role: give home_agent, mobile_node or correspondent_node`,
		}},
		{"swapped letters", "correspondent_node: {}\ncontrol: {sokcet: /s}\n", []string{
			`f:2:11: control.sokcet: unknown key; did you mean "socket"?`,
		}},
		{"nothing like it", "correspondent_node: {}\ncontrol: {password: x}\n", []string{
			`f:2:11: control.password: unknown key; there are in control: socket, group, journal`,
		}},
		{"key of another program", "correspondent_node: {cache: 3}\n", []string{
			`f:1:22: correspondent_node.cache: unknown key; there are in correspondent_node: route_optimization, max_bindings, max_lifetime`,
		}},
		{"IPv4 of a home agent", `home_agent:
  ` + goodLinks + `
  allow_unauthenticated: true
  mobile_nodes:
    - {home_address: 2001:db8:1::100, ipv4_home_address: 192.0.2.100}
    - {home_address: 2001:db8:1::101, ipv4_home_address: 192.0.2.100}
    - {home_address: 2001:db8:1::102, ipv4_home_address: 192.0.2.102/24}
    - {home_address: 2001:db8:1::103, ipv4_home_address: 224.0.0.1}
    - {home_address: 2001:db8:1::104, ipv4_home_address: dynamic}
  ipv4_pool: [192.0.2.0/25, 192.0.2.64/26, 192.0.2.1/24, 2001:db8::/32, 0.0.0.0/0, 224.0.0.0/8]
`, []string{
			`f:6:58: home_agent.mobile_nodes[1].ipv4_home_address: 192.0.2.100 is here again; it stands in line 5 already: one mobile node for an IPv4 home address`,
			`f:7:58: home_agent.mobile_nodes[2].ipv4_home_address: wants an IPv4 address, such as 192.0.2.100, and is "192.0.2.102/24": leave out the prefix length`,
			`f:8:58: home_agent.mobile_nodes[3].ipv4_home_address: 224.0.0.1 is no host's address: wants an IPv4 address, such as 192.0.2.100`,
			`f:9:58: home_agent.mobile_nodes[4].ipv4_home_address: wants an IPv4 address, such as 192.0.2.100, and is "dynamic"`,
			`f:10:29: home_agent.ipv4_pool[1]: 192.0.2.64/26 overlaps with 192.0.2.0/25, which stands above`,
			`f:10:44: home_agent.ipv4_pool[2]: 192.0.2.1/24 has bits beyond its length: write 192.0.2.0/24`,
			`f:10:58: home_agent.ipv4_pool[3]: wants an IPv4 prefix, such as 192.0.2.0/24, and is "2001:db8::/32"`,
			`f:10:73: home_agent.ipv4_pool[4]: has a length of 0: wants 8 to 32`,
			`f:10:84: home_agent.ipv4_pool[5]: 224.0.0.0/8 holds no hosts' addresses`,
		}},
		{"IPv4 of a mobile node", `mobile_node:
  allow_unauthenticated: true
  interfaces: [{name: wlan0}]
  homes:
    - {home_address: 2001:db8:1::100/64, ipv4_home_address: 192.0.2.100, ipv4_default_route: on}
    - {home_address: 2001:db8:1::101/64, ipv4_home_address: 192.0.2.100, ipv4_default_route: on}
    - {home_address: 2001:db8:1::102/64, ipv4_default_route: off}
    - {home_address: 2001:db8:1::103/64, ipv4_home_address: auto}
`, []string{
			`f:6:61: mobile_node.homes[1].ipv4_home_address: 192.0.2.100 is here again; it stands in line 5 already: one home for an IPv4 home address`,
			`f:6:94: mobile_node.homes[1].ipv4_default_route: is on for mobile_node.homes[0] already: one home can have it`,
			`f:7:62: mobile_node.homes[2].ipv4_default_route: goes with ipv4_home_address, which is missing`,
			`f:8:61: mobile_node.homes[3].ipv4_home_address: wants an IPv4 address, such as 192.0.2.100, or dynamic, and is "auto"`,
		}},
		{"advertisements", `home_agent:
  links:
    - {virtual: true, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64], advertise: on}
    - interface: eth1
      address: 2001:db8:2::1
      prefixes: [2001:db8:2::/64]
      preference: 65536
      home_agent_lifetime: 0s
      advertise: {min_interval: 5s, max_interval: 4s, answer_delay: 1s, min_delay: 4s}
    - {interface: eth2, address: 2001:db8:3::1, prefixes: [2001:db8:3::/64], advertise: {router_lifetime: 599s}}
    - {interface: eth3, address: 2001:db8:4::1, prefixes: [2001:db8:4::/64], advertise: {max_interval: 30m, router_lifetime: 20m}}
    - {interface: eth4, address: 2001:db8:5::1, prefixes: [2001:db8:5::/64], advertise: {min_interval: 20ms, max_interval: 60ms}}
    - {interface: eth5, address: 2001:db8:6::1, prefixes: [2001:db8:6::/64], advertise: sometimes}
    - {interface: eth6, address: 2001:db8:7::1, prefixes: [2001:db8:7::/64], advertise: {max_interval: 30m}}
`, []string{
			`f:3:87: home_agent.links[0].advertise: a virtual home link has nobody to advertise to: take one of them away`,
			`f:7:19: home_agent.links[1].preference: is 65536, out of range: wants a whole number from 0 to 65535`,
			`f:8:28: home_agent.links[1].home_agent_lifetime: is 0s, out of range: wants a time from 1s to 65535s`,
			`f:9:33: home_agent.links[1].advertise.min_interval: 5s is more than max_interval, 4s`,
			`f:9:69: home_agent.links[1].advertise.answer_delay: is 1s, out of range: wants a time from 0s to 0.5s`,
			`f:9:84: home_agent.links[1].advertise.min_delay: is 4s, out of range: wants a time from 0s to 3s`,
			`f:10:107: home_agent.links[2].advertise.router_lifetime: the router_lifetime of 599s ends before the next advertisement, after up to 600s (max_interval): make it longer`,
			`f:11:126: home_agent.links[3].advertise.router_lifetime: the router_lifetime of 1200s ends before the next advertisement, after up to 1800s (max_interval): make it longer`,
			`f:12:104: home_agent.links[4].advertise.min_interval: is 20ms, out of range: wants a time from 0.03s to 1350s`,
			`f:12:124: home_agent.links[4].advertise.max_interval: is 60ms, out of range: wants a time from 0.07s to 1800s`,
			`f:13:89: home_agent.links[5].advertise: wants on or off and is "sometimes"`,
		}},
		{"lifetimes that do nothing, or are not advertised as they are", `home_agent:
  links:
    - {virtual: true, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64], home_agent_lifetime: 1h}
    - {interface: eth1, address: 2001:db8:2::1, prefixes: [2001:db8:2::/64], advertise: off, home_agent_lifetime: 1h}
    - {interface: eth2, address: 2001:db8:3::1, prefixes: [2001:db8:3::/64], home_agent_lifetime: 5m}
    - {interface: eth3, address: 2001:db8:4::1, prefixes: [2001:db8:4::/64], home_agent_lifetime: 1h, advertise: {unsolicited: off}}
    - {interface: eth4, address: 2001:db8:5::1, prefixes: [{prefix: 2001:db8:5::/64, valid_lifetime: 4500ms}], advertise: {max_interval: 1500ms, router_lifetime: 1500ms}}
`, []string{
			`f:3:97: home_agent.links[0].home_agent_lifetime: goes with advertise, which is off: nobody would hear of it`,
			`f:4:115: home_agent.links[1].home_agent_lifetime: goes with advertise, which is off: nobody would hear of it`,
			`f:5:99: home_agent.links[2].home_agent_lifetime: 300s ends before the next advertisement, after up to 600s (max_interval): make it longer`,
			`f:7:102: home_agent.links[4].prefixes[0].valid_lifetime: is 4.5s: wants whole seconds`,
			`f:7:163: home_agent.links[4].advertise.router_lifetime: is 1.5s: wants whole seconds`,
		}},
		{"lifetimes of prefixes", `home_agent:
  links:
    - interface: eth0
      address: 2001:db8:1::1
      prefixes: [{prefix: 2001:db8:1::/64, valid_lifetime: 1h, preferred_lifetime: 2h}, {valid_lifetime: 3s}, {prefix: 2001:db8:2::/64, life: 1h}]
  prefix_advertisements: {min_interval: 0s, max_interval: 10m, often: yes}
`, []string{
			`f:5:84: home_agent.links[0].prefixes[0].preferred_lifetime: 7200s is longer than the prefix is valid, 3600s`,
			`f:5:89: home_agent.links[0].prefixes[1].prefix: is missing: it must be given`,
			`f:5:106: home_agent.links[0].prefixes[1].valid_lifetime: is 3s, out of range: wants a time from 4s to 315360000s`,
			`f:5:137: home_agent.links[0].prefixes[2].life: unknown key; there are in home_agent.links[0].prefixes[2]: prefix, valid_lifetime, preferred_lifetime`,
			`f:6:41: home_agent.prefix_advertisements.min_interval: is 0s, out of range: wants a time from 1s to 2592000s`,
			`f:6:64: home_agent.prefix_advertisements.often: unknown key; there are in home_agent.prefix_advertisements: min_interval, max_interval, unsolicited`,
		}},
		{"multicast", `home_agent:
  links: [{interface: eth0, address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}]
  multicast: {scopes: [site_local, global], max_groups: 0, query_interval: 10s, max: 1}
`, []string{
			`f:3:36: home_agent.multicast.scopes[1]: wants admin_local, site_local or organization_local and is "global"`,
			`f:3:57: home_agent.multicast.max_groups: is 0, out of range: wants a whole number from 1 to 65536`,
			`f:3:76: home_agent.multicast.query_interval: is 10s, out of range: wants a time from 12s to 31744s`,
			`f:3:81: home_agent.multicast.max: unknown key; there are in home_agent.multicast: scopes, max_groups, max_groups_per_node, query_interval`,
		}},
		{"groups", `mobile_node:
  homes: [{home_address: 2001:db8:1::100/64, groups: ["ff0e::1", 2001:db8::1, "ff02::1", "ff0e::1", nobody]}]
  interfaces: [{name: wlan0}]
  allow_unauthenticated: true
`, []string{
			`f:2:66: mobile_node.homes[0].groups[1]: wants an IPv6 multicast address and is "2001:db8::1"`,
			`f:2:79: mobile_node.homes[0].groups[2]: ff02::1 is a group of one link: no home agent sends on what comes to it (RFC 6275 §10.4.2)`,
			`f:2:90: mobile_node.homes[0].groups[3]: ff0e::1 is there already`,
			`f:2:101: mobile_node.homes[0].groups[4]: wants an IPv6 multicast address and is "nobody"`,
		}},
		{"route optimisation", "correspondent_node:\n  max_bindings: 0\n  max_lifetime: 421s\n  route_optimization:\n" +
			"    default: perhaps\n    allow: [2001:db8::1/48, 10.0.0.0/8, nobody, 2001:db8:c::1]\n    deny: [\"2001:db8:c::1/128\"]\n    idle_timeout: 1m\n", []string{
			`f:2:17: correspondent_node.max_bindings: is 0, out of range: wants a whole number from 1 to 1000000`,
			`f:3:17: correspondent_node.max_lifetime: is 421s, out of range: wants a time from 4s to 420s`,
			`f:5:14: correspondent_node.route_optimization.default: wants on or off and is "perhaps"`,
			`f:6:13: correspondent_node.route_optimization.allow[0]: 2001:db8::1/48 has bits beyond its length: write 2001:db8::/48`,
			`f:6:29: correspondent_node.route_optimization.allow[1]: 10.0.0.0/8 is IPv4: wants an IPv6 prefix or address, such as 2001:db8:c::/48 or 2001:db8:c::1`,
			`f:6:41: correspondent_node.route_optimization.allow[2]: wants an IPv6 prefix or address, such as 2001:db8:c::/48 or 2001:db8:c::1, and is "nobody"`,
			`f:7:12: correspondent_node.route_optimization.deny[0]: 2001:db8:c::1/128 stands in allow as well: leave it in one of them`,
			`f:8:5: correspondent_node.route_optimization.idle_timeout: unknown key; there are in correspondent_node.route_optimization: default, allow, deny`,
		}},
		{"merge key", "correspondent_node: {}\nlog: {<<: {level: info}}\n", []string{
			`f:2:7: log.<<: unknown key; there are in log: level, format`,
		}},
		{"repeated key", "correspondent_node: {}\nlog: {level: info}\nlog: {level: warn}\n", []string{
			`f:3:1: log: is here again; the first is in line 2: keep one`,
		}},
		{"key that is a list", "correspondent_node: {}\nlog: {? [a] : b}\n", []string{
			`f:2:9: log: a key must be a plain word, and is a list`,
		}},
		{"both roles", "home_agent: {" + goodLinks + "}\n" + goodMN + "\n", []string{
			`f:2:14: mobile_node: a node is a home agent or a mobile node, not both: run a second mip6d in a network namespace of its own`,
		}},
		{"empty role", "home_agent:\nmobile_node: {}\n", []string{
			`f:1:12: home_agent.links: is missing: it must be given`,
			`f:2:14: mobile_node.homes: is missing: it must be given`,
			`f:2:14: mobile_node.interfaces: is missing: it must be given`,
			`f:2:14: mobile_node: a node is a home agent or a mobile node, not both: run a second mip6d in a network namespace of its own`,
		}},
		{"wrong types", `
home_agent:
  links: eth0
  mobile_nodes: {home_address: 2001:db8:1::100}
  allow_unauthenticated: yes please
  max_lifetime: 3600
  timestamp_window: 3s
  max_bindings: 0
log: [info]
run_dir: 5
`, []string{
			`f:3:10: home_agent.links: wants a list ("- …" lines or [a, b]) and is "eth0"`,
			`f:4:17: home_agent.mobile_nodes: wants a list ("- …" lines or [a, b]) and is keys with values`,
			`f:5:26: home_agent.allow_unauthenticated: wants true or false and is "yes please"`,
			`f:6:17: home_agent.max_lifetime: wants a time with its unit, such as 420s or 1h, and is the number 3600: 3600s if seconds are meant`,
			`f:7:21: home_agent.timestamp_window: is 3s, out of range: wants a time from 4s to 3600s`,
			`f:8:17: home_agent.max_bindings: is 0, out of range: wants a whole number from 1 to 10000000`,
			`f:9:6: log: wants keys with values, such as "level: …", and is a list`,
			`f:10:10: run_dir: wants a path and is the number 5: put it in quotes if that is meant`,
		}},
		{"yes is not true", "mobile_node: {homes: [], interfaces: [], release_on_stop: yes}\n", []string{
			`f:1:22: mobile_node.homes: is empty: a mobile node has at least one home address`,
			`f:1:38: mobile_node.interfaces: is empty: name at least one interface to move with`,
			`f:1:59: mobile_node.release_on_stop: wants true or false and is "yes"`,
		}},
		{"no value", "correspondent_node: {}\nlog: {level: }\nrun_dir:\n", []string{
			`f:2:14: log.level: wants debug, info, warn or error and is empty`,
			`f:3:9: run_dir: wants a path and is empty`,
		}},
		{"words", "correspondent_node: {}\nlog: {level: trace, format: xml}\n", []string{
			`f:2:14: log.level: wants debug, info, warn or error and is "trace"`,
			`f:2:29: log.format: wants text or json and is "xml"`,
		}},
		{"paths", "correspondent_node: {}\nrun_dir: run\ncontrol: {socket: ./s, group: \"\"}\n", []string{
			`f:2:10: run_dir: "run" is relative, and a daemon's working directory is not yours: begin it with /`,
			`f:3:19: control.socket: "./s" is relative, and a daemon's working directory is not yours: begin it with /`,
			`f:3:31: control.group: wants a group's name and is empty`,
		}},
		{"socket too long", "correspondent_node: {}\ncontrol: {socket: /" + strings.Repeat("x", 107) + "}\n", []string{
			`f:2:19: control.socket: makes a socket's path of 108 bytes, and a Unix socket's has at most 107: choose a shorter one`,
		}},
		{"metrics without a port", "correspondent_node: {}\nmetrics: {listen: localhost}\n", []string{
			`f:2:19: metrics.listen: "localhost" is no address with its port, such as 127.0.0.1:9462 or "[::1]:9462", nor a socket's path that begins with /`,
		}},
		{"metrics on any port", "correspondent_node: {}\nmetrics: {listen: \"[::1]:0\"}\n", []string{
			`f:2:19: metrics.listen: "[::1]:0" has no port that anybody could know: give one, such as 9462`,
		}},
		{"metrics on the control socket", "correspondent_node: {}\nmetrics: {listen: /run/mip6d/mip6d.sock}\n", []string{
			`f:2:19: metrics.listen: is the control socket's path: choose another`,
		}},
		{"metrics nowhere", "correspondent_node: {}\nmetrics: {}\n", []string{
			`f:2:10: metrics.listen: is missing: it must be given`,
		}},
		{"metrics on a long path", "correspondent_node: {}\nmetrics: {listen: /" + strings.Repeat("x", 107) + "}\n", []string{
			`f:2:19: metrics.listen: is a path of 108 bytes, and a Unix socket's has at most 107: choose a shorter one`,
		}},
		{"run_dir too long", "correspondent_node: {}\nrun_dir: /" + strings.Repeat("x", 100) + "\n", []string{
			`f:2:10: run_dir: makes a socket's path of 112 bytes, and a Unix socket's has at most 107: choose a shorter one`,
		}},
		{"kernel marks", "correspondent_node: {}\nkernel: {route_protocol: 16, rule_priority: 32766, table: 254, tunnel_name: tun0}\n", []string{
			`f:2:26: kernel.route_protocol: 16 is dhcp's, whose routes would be taken for ours and removed: choose another, such as 75`,
			`f:2:45: kernel.rule_priority: is 32766, out of range: wants a whole number from 1 to 32762`,
			`f:2:59: kernel.table: 254 to 255 include the system's own (253 default, 254 main, 255 local): choose another, such as 6275`,
			`f:2:77: kernel.tunnel_name: tun0 does not begin with mip6, by which mip6d --cleanup knows what is ours: choose a name such as mip6t`,
		}},
		{"numbers", "correspondent_node: {}\nkernel: {route_protocol: 256, rule_priority: 0, table: 2147483649, tunnel_name: mip6_very_long_name}\n", []string{
			`f:2:26: kernel.route_protocol: is 256, out of range: wants a whole number from 1 to 255`,
			`f:2:46: kernel.rule_priority: is 0, out of range: wants a whole number from 1 to 32762`,
			`f:2:56: kernel.table: is 2147483649, out of range: wants a whole number from 1 to 2147483648`,
			`f:2:81: kernel.tunnel_name: "mip6_very_long_name" is no interface's name: it has 19 bytes, and 1 to 15 are possible`,
		}},
		{"tunnel names", "correspondent_node: {}\nkernel: {table: 251, tunnel_name: mip6n7, tunnel_prefix: mip6}\n", []string{
			`f:2:58: kernel.tunnel_prefix: the tunnel_name mip6n7 begins with the tunnel_prefix mip6, so that one device could be taken for the other: choose another`,
		}},
		{"tunnel name in the way", "correspondent_node: {}\nkernel: {table: 252, tunnel_name: mip6n7}\n", []string{
			`f:2:17: kernel.table: 252 to 253 include the system's own (253 default, 254 main, 255 local): choose another, such as 6275`,
			`f:2:35: kernel.tunnel_name: the tunnel_name mip6n7 begins with the tunnel_prefix mip6n, so that one device could be taken for the other: choose another`,
		}},
		{"tunnel prefix", "correspondent_node: {}\nkernel: {tunnel_prefix: mip6_a_long_one}\n" + goodMN, []string{
			`f:2:25: kernel.tunnel_prefix: has 15 bytes, and with a number after it at most 10 are possible`,
		}},
		{"tables of a mobile node", "kernel: {table: 251}\n" + goodMN, []string{
			`f:1:17: kernel.table: 251 to 254 include the system's own (253 default, 254 main, 255 local): choose another, such as 6275`,
		}},
		{"number with a fraction", "correspondent_node: {}\nkernel: {table: 7.5, rule_priority: \"8\"}\n", []string{
			`f:2:17: kernel.table: wants a whole number from 1 to 2147483648 and is the number 7.5`,
			`f:2:37: kernel.rule_priority: wants a whole number from 1 to 32762 and is "8"`,
		}},
		{"mobile networks", `
home_agent:
  links:
    - {address: 2001:db8:1::1, prefixes: [2001:db8:1::/64]}
    - {virtual: true, interface: eth1, address: 2001:db8:2::1, prefixes: [2001:db8:2::/64]}
  mobile_nodes:
    - {home_address: 2001:db8:1::100, prefixes: [2001:db8:a::/48], auth: {spi: 256, key_file: key}}
    - {home_address: 2001:db8:1::101, prefixes: [2001:db8:a:1::/64], router: false, auth: {spi: 256, key_file: key}}
    - {home_address: 2001:db8:1::102, prefixes: [2001:db8::/32, "2001:db8:1:0:8000::/65"], auth: {spi: 256, key_file: key}}
    - {home_address: 2001:db8:2::103, prefixes: [2001:db8:2::/64], auth: {spi: 256, key_file: key}}
`, []string{
			`f:4:7: home_agent.links[0]: needs interface: the interface on the home link; or say virtual: true, for home addresses that are on no link`,
			`f:5:17: home_agent.links[1].virtual: a virtual home link has no interface: take one of them away`,
			`f:8:49: home_agent.mobile_nodes[1].prefixes: are a mobile router's, and router: false says that it is none: take one of them away`,
			`f:8:50: home_agent.mobile_nodes[1].prefixes[0]: 2001:db8:a:1::/64 overlaps with 2001:db8:a::/48, which stands above: a prefix is behind one mobile router`,
			`f:9:50: home_agent.mobile_nodes[2].prefixes[0]: 2001:db8::/32 overlaps with 2001:db8:a::/48, which stands above: a prefix is behind one mobile router`,
			`f:9:50: home_agent.mobile_nodes[2].prefixes[0]: 2001:db8::/32 overlaps with 2001:db8:a:1::/64, which stands above: a prefix is behind one mobile router`,
			`f:9:50: home_agent.mobile_nodes[2].prefixes[0]: 2001:db8::/32 holds 2001:db8:1::1, the home agent's own address`,
			`f:9:65: home_agent.mobile_nodes[2].prefixes[1]: 2001:db8:1:0:8000::/65 overlaps with 2001:db8::/32, which stands above: a prefix is behind one mobile router`,
			`f:10:50: home_agent.mobile_nodes[3].prefixes[0]: 2001:db8:2::/64 overlaps with 2001:db8::/32, which stands above: a prefix is behind one mobile router`,
			`f:10:50: home_agent.mobile_nodes[3].prefixes[0]: 2001:db8:2::/64 holds 2001:db8:2::1, the home agent's own address`,
		}},
		{"networks of a mobile router", `
mobile_node:
  homes:
    - home_address: 2001:db8:1::100/64
      home_agent: 2001:db8:1::1
      mobile_network: {prefixes: [], mode: both}
    - home_address: 2001:db8:1::101/64
      home_agent: 2001:db8:1::1
      mobile_network: {mode: implicit}
  allow_unauthenticated: true
  interfaces: [{name: eth0}]
`, []string{
			`f:6:34: mobile_node.homes[0].mobile_network.prefixes: is empty: give the prefixes of the networks behind this router, such as [2001:db8:a::/56]`,
			`f:6:44: mobile_node.homes[0].mobile_network.mode: wants explicit or implicit and is "both"`,
			`f:9:23: mobile_node.homes[1].mobile_network.prefixes: is missing: it must be given`,
		}},
		{"links", `
home_agent:
  links:
    - {interface: eth0, address: 2001:db8:2::1, prefixes: [2001:db8:1::/64]}
    - {interface: eth0, address: 2001:db8:3::1, prefixes: [2001:db8::/32]}
    - {interface: "a b", address: "2001:db8:4::1/64", prefixes: []}
    - {interface: eth3, prefix: 2001:db8:5::/64}
`, []string{
			`f:4:34: home_agent.links[0].address: 2001:db8:2::1 is in none of this link's prefixes (2001:db8:1::/64): correct the address or add its prefix`,
			`f:5:19: home_agent.links[1].interface: eth0 is here again; it stands in line 4 already: one entry for a link, with all its prefixes`,
			`f:5:60: home_agent.links[1].prefixes[0]: 2001:db8::/32 overlaps with 2001:db8:1::/64, which stands above: a home address must lead to one link`,
			`f:6:19: home_agent.links[2].interface: "a b" is no interface's name: it has a blank, a slash, a colon or a control character`,
			`f:6:35: home_agent.links[2].address: wants an IPv6 address and is "2001:db8:4::1/64": leave out the prefix length`,
			`f:6:65: home_agent.links[2].prefixes: is empty: give the link's subnet prefix, such as [2001:db8:1::/64]`,
			`f:7:7: home_agent.links[3].address: is missing: it must be given`,
			`f:7:7: home_agent.links[3].prefixes: is missing: it must be given`,
			`f:7:25: home_agent.links[3].prefix: unknown key; did you mean "prefixes"?`,
		}},
		{"prefixes", `
home_agent:
  links:
    - interface: eth0
      address: 2001:db8:1::1
      prefixes:
        - 2001:db8:1::1/64
        - 2001:db8:1::
        - 10.0.0.0/8
        - fe80::/64
        - 2001::/8
        - 2001:db8:1::/128
`, []string{
			`f:7:11: home_agent.links[0].prefixes[0]: 2001:db8:1::1/64 has bits beyond its length: write 2001:db8:1::/64`,
			`f:8:11: home_agent.links[0].prefixes[1]: wants an IPv6 subnet prefix, such as 2001:db8:1::/64, and is keys with values: what ends with a colon must be in quotes`,
			`f:9:11: home_agent.links[0].prefixes[2]: 10.0.0.0/8 is IPv4: wants an IPv6 subnet prefix, such as 2001:db8:1::/64`,
			`f:10:11: home_agent.links[0].prefixes[3]: fe80::/64 holds no global addresses: wants a global or unique local prefix`,
			`f:11:11: home_agent.links[0].prefixes[4]: has a length of 8: wants 16 to 127, mostly 64`,
			`f:12:11: home_agent.links[0].prefixes[5]: has a length of 128: wants 16 to 127, mostly 64`,
		}},
		{"mobile nodes", `
home_agent:
  ` + goodLinks + `
  mobile_nodes:
    - {home_address: 2001:db8:1::100, auth: {spi: 255, key_file: k}}
    - {home_address: 2001:db8:1::0100, auth: {spi: 256, key_file: k, reply: none}}
    - {home_address: 2001:db8:9::1, auth: {spi: 256, key_file: k, replay: always}}
    - {home_address: 2001:db8:1::1, auth: {spi: 256, key_file: k}}
    - {home_address: fe80::1, auth: {}}
    - {home_address: 192.0.2.1, max_lifetime: 3s}
    - {home_address: ff02::1, auth: none}
`, []string{
			`f:5:51: home_agent.mobile_nodes[0].auth.spi: is 255, out of range: wants a whole number from 256 to 4294967295`,
			`f:6:22: home_agent.mobile_nodes[1].home_address: 2001:db8:1::100 is here again; it stands in line 5 already: one entry for a home address`,
			`f:6:70: home_agent.mobile_nodes[1].auth.reply: unknown key; did you mean "replay"?`,
			`f:7:22: home_agent.mobile_nodes[2].home_address: 2001:db8:9::1 is in none of the home links' prefixes (2001:db8:1::/64): correct the address or add its prefix`,
			`f:7:75: home_agent.mobile_nodes[2].auth.replay: wants timestamp, sequence or none and is "always"`,
			`f:8:22: home_agent.mobile_nodes[3].home_address: 2001:db8:1::1 is the home agent's own (home_agent.links[0].address): give the mobile node another`,
			`f:9:22: home_agent.mobile_nodes[4].home_address: fe80::1 is link-local: wants a global or unique local unicast IPv6 address`,
			`f:9:37: home_agent.mobile_nodes[4].auth.spi: is missing: it must be given`,
			`f:9:37: home_agent.mobile_nodes[4].auth.key_file: is missing: it must be given`,
			`f:10:7: home_agent.mobile_nodes[5]: has no auth: anybody could redirect this home address; give spi and key_file, or ipsec, or say home_agent.allow_unauthenticated: true`,
			`f:10:22: home_agent.mobile_nodes[5].home_address: 192.0.2.1 is IPv4: wants a global or unique local unicast IPv6 address`,
			`f:10:47: home_agent.mobile_nodes[5].max_lifetime: is 3s, out of range: wants a time from 4s to 262140s`,
			`f:11:22: home_agent.mobile_nodes[6].home_address: ff02::1 is multicast: wants a global or unique local unicast IPv6 address`,
			`f:11:37: home_agent.mobile_nodes[6].auth: wants keys with values, such as "spi: …", and is "none"`,
		}},
		{"identifiers", `
home_agent:
  ` + goodLinks + `
  mobile_nodes:
    - {home_address: 2001:db8:1::100, auth: {spi: 256, key_file: k, mn_id: a@b}}
    - {home_address: 2001:db8:1::101, auth: {spi: 256, key_file: k, mn_id: a@b}}
    - {home_address: 2001:db8:1::102, auth: {spi: 256, key_file: k, mn_id: a b}}
    - {home_address: 2001:db8:1::103, auth: {spi: 256, key_file: k, mn_id: ` + strings.Repeat("x", 254) + `}}
`, []string{
			`f:6:76: home_agent.mobile_nodes[1].auth.mn_id: a@b is here again; it stands in line 5 already: one mobile node for an identifier`,
			`f:7:76: home_agent.mobile_nodes[2].auth.mn_id: "a b" has blanks or control characters: write it as user@realm`,
			`f:8:76: home_agent.mobile_nodes[3].auth.mn_id: has 254 bytes, and a network access identifier has at most 253`,
		}},
		{"mobile node", `
mobile_node:
  homes:
    - {home_address: 2001:db8:1::100, home_agent: 2001:db8:1::1}
    - {home_address: 2001:db8:1::/64, home_agent: "::1", lifetime: 262141s, auth: {spi: 256, key_file: k}}
    - {home_address: 2001:db8:1::7/64, home_agent: 2001:db8:1::7, auth: {spi: 256, key_file: k}}
    - {home_address: 2001:db8:1::7/48, home_agent: 2001:db8:1::1%eth0, auth: {spi: 256, key_file: k}}
    - {home_address: "::/0", auth: {spi: 256, key_file: k}}
    - {home_address: 2001::1/8, home_agent: home.example.org, auth: {spi: 256, key_file: k}}
  interfaces: [{name: wlan0}, {name: wlan0}, {name: mip6t}, {preference: -1}, {name: eth0/1}]
`, []string{
			`f:4:7: mobile_node.homes[0]: has no auth: anybody could redirect this home address; give spi and key_file, or ipsec, or say mobile_node.allow_unauthenticated: true`,
			`f:4:22: mobile_node.homes[0].home_address: wants an IPv6 address with its home subnet's prefix length, such as 2001:db8:1::100/64, and is "2001:db8:1::100": add the length, mostly /64`,
			`f:5:22: mobile_node.homes[1].home_address: 2001:db8:1:: is the subnet's router anycast address (RFC 4291 §2.6.1), not a host's: give the host's own`,
			`f:5:51: mobile_node.homes[1].home_agent: ::1 is the loopback address: wants a global or unique local unicast IPv6 address`,
			`f:5:68: mobile_node.homes[1].lifetime: is 262141s, out of range: wants a time from 4s to 262140s`,
			`f:6:52: mobile_node.homes[2].home_agent: 2001:db8:1::7 is the home address: give the home agent's own`,
			`f:7:22: mobile_node.homes[3].home_address: 2001:db8:1::7 is here again; it stands in line 6 already: one entry for a home address`,
			`f:7:52: mobile_node.homes[3].home_agent: 2001:db8:1::1%eth0 is bound to the interface eth0: wants a global or unique local unicast IPv6 address`,
			`f:8:22: mobile_node.homes[4].home_address: :: is the unspecified address: wants a global or unique local unicast IPv6 address`,
			`f:9:22: mobile_node.homes[5].home_address: has a prefix length of 8: wants 16 to 128, mostly 64`,
			`f:9:45: mobile_node.homes[5].home_agent: wants an IPv6 address and is "home.example.org"`,
			`f:10:38: mobile_node.interfaces[1].name: wlan0 is here again; it stands in line 10 already: one entry for an interface`,
			`f:10:53: mobile_node.interfaces[2].name: mip6t is one of mip6d's own tunnel devices (kernel.tunnel_name, tunnel_prefix): name the interfaces that lead to the world`,
			`f:10:61: mobile_node.interfaces[3].name: is missing: it must be given`,
			`f:10:74: mobile_node.interfaces[3].preference: is -1, out of range: wants a whole number from 0 to 65535`,
			`f:10:86: mobile_node.interfaces[4].name: "eth0/1" is no interface's name: it has a blank, a slash, a colon or a control character`,
		}},
		{"home address of an interface", `
mobile_node:
  allow_unauthenticated: true
  homes:
    - home_address: {prefix: 2001:db8:5::/56, interface_id: eui64}
    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64, interface: wlan0}
    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64}
    - home_address: {prefix: 2001:db8:1::5/64, interface_id: random, interfaces: wlan0}
  interfaces: [{name: wlan0}]
`, []string{
			`f:5:30: mobile_node.homes[0].home_address.prefix: has a length of 56: interface identifiers of this kind have 64 bits, so that it must be 64`,
			`f:7:30: mobile_node.homes[2].home_address.prefix: 2001:db8:1:: with the identifier of wlan0 is here again; it stands in line 6 already: one entry for a home address`,
			`f:8:30: mobile_node.homes[3].home_address.prefix: 2001:db8:1::5/64 has bits beyond its length: write 2001:db8:1::/64`,
			`f:8:62: mobile_node.homes[3].home_address.interface_id: wants eui64 or stateful and is "random"`,
			`f:8:70: mobile_node.homes[3].home_address.interfaces: unknown key; did you mean "interface"?`,
		}},
		{"stateful home address", `
mobile_node:
  allow_unauthenticated: true
  homes:
    - home_address: {prefix: 2001:db8:1::/64, interface_id: stateful, interface: wlan0}
    - home_address: {prefix: 2001:db8:1::/64, interface_id: stateful}
      link_local: true
      groups: ["ff1e::1"]
    - home_address: {prefix: 2001:db8:2::/64, interface_id: stateful}
      ipsec: {spi: 4096, key_file: key}
      home_agent: 2001:db8:2::1
    - home_address: {prefix: 2001:db8:1::/64, interface_id: eui64}
  interfaces: [{name: wlan0}]
`, []string{
			`f:5:82: mobile_node.homes[0].home_address.interface: is of no use with interface_id stateful, which takes what any of the interfaces is given at home: leave it out`,
			`f:6:30: mobile_node.homes[1].home_address.prefix: a stateful address of 2001:db8:1::/64 is here again; it stands in line 5 already: one entry for a home subnet`,
			`f:7:19: mobile_node.homes[1].link_local: is set, but the home address is not known before DHCPv6 has given it: leave it out, or give the home address`,
			`f:8:15: mobile_node.homes[1].groups: is set, but the home address is not known before DHCPv6 has given it: leave it out, or give the home address`,
			`f:10:14: mobile_node.homes[2].ipsec: is set, but the home address is not known before DHCPv6 has given it: leave it out, or give the home address`,
		}},
		{"address policy", strings.TrimSuffix(goodMN, "}") + `, address_policy: {
  prefer: mine,
  labels: [{prefix: "2001:db8::/32", label: 4294967295}, {prefix: "2001:db8::/32", label: 1}, {prefix: "2001:db8::1/32", label: -1}, {label: 3}]}}
`, []string{
			`f:2:11: mobile_node.address_policy.prefer: wants home or care_of and is "mine"`,
			`f:3:45: mobile_node.address_policy.labels[0].label: is 4294967295, out of range: wants a whole number from 0 to 4294967294`,
			`f:3:67: mobile_node.address_policy.labels[1].prefix: 2001:db8::/32 is here again; it stands in line 3 already: one label for a prefix`,
			`f:3:104: mobile_node.address_policy.labels[2].prefix: 2001:db8::1/32 has bits beyond its length: write 2001:db8::/32`,
			`f:3:129: mobile_node.address_policy.labels[2].label: is -1, out of range: wants a whole number from 0 to 4294967294`,
			`f:3:134: mobile_node.address_policy.labels[3].prefix: is missing: it must be given`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse("f", []byte(tt.text), WithoutKeys())
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
