// Package loadgen plays many mobile nodes at once towards one home agent, with
// real Mobility Header messages, and measures how it answers: the rate reached,
// latencies from Binding Update to Binding Acknowledgement, losses, by the kind
// of registration. It knows RFC 6275 and RFC 4285 and nothing of mip6d, so that
// other home agents can be measured with it.
//
// No mobile node has an address in the kernel. Packets are built whole and leave
// by a raw socket; acknowledgements are read by a packet socket before the
// kernel looks at them. All that the network has to do is route the care-of
// addresses' prefix to the machine of the generator, which drops what comes for
// them, without an ICMPv6 error:
//
//	ip -6 route add blackhole 2001:db8:f9::/48
//
// The files: population.go who the mobile nodes are, packet.go their messages,
// fleet.go what each is waiting for, result.go the figures, order.go who does
// what next, and those have neither clock nor I/O; conn.go the sockets,
// generator.go the loop. The program is cmd/mip6bench.
//
// It is not for data packets, and no mobile node: it moves without links, and
// tells nobody but the home agent.
package loadgen
