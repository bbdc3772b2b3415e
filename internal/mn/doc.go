// Package mn is the mobile node's protocol machine (RFC 6275 §11.4.1, §11.5, §11.7.1,
// §11.7.3, §11.7.4, §11.8, with RFC 4285 authentication). It finds movement,
// forms care-of addresses, registers them with home agents, and goes home.
//
// How it is built: events change facts, settle draws the conclusions. A handler
// for an event (a link came up, a router advertised, an address is ready)
// records what is now known and nothing more; at the end of every Step, settle
// compares what is known with what is in force and asks for the difference. So
// no order of events needs a case of its own, and what must hold always — a
// home address never leaves its link untunnelled — is held in one place.
//
// The files, from the wire up:
//
//	params.go      what a mobile node is told: homes, interfaces, timers
//	machine.go     Step, Deadline, effects
//	link.go        one interface: up, down, confirmed
//	advert.go      what is read in a Router Advertisement
//	router.go      what the routers of a link advertised
//	solicit.go     Router Solicitations
//	movement.go    doubt about the link, and how it ends (§11.5.1)
//	careof.go      forming care-of addresses (§11.5.3)
//	duplicate.go   duplicates of other addresses (RFC 4862 §5.4.5)
//	share.go       equivalent routers (RFC 4311)
//	choose.go      which care-of address is primary (§11.5.4)
//	home.go        one home address: at home, away, on the way (§11.5.2, §11.5.5)
//	findagent.go   the home agent's link-layer address (§11.5.5)
//	handoff.go     from one care-of address to another without a loss
//	discovery.go   finding a home agent, and another (§11.4.1)
//	prefixes.go    what becomes of the home link's prefixes (§11.4.2, §11.4.3)
//	stateful.go    home addresses that DHCPv6 gives
//	register.go    Binding Updates (§11.7.1, §11.8)
//	receive.go     Mobility Header messages in
//	barred.go      refusals of mobile routers (RFC 3963 §5.4)
//	ack.go         Binding Acknowledgements (§11.7.3)
//	auth.go        RFC 4285 options on both
//	clock.go       RFC 4285 timestamps
//	hints.go       Binding Error, Refresh Request, ICMPv6 errors
//	peer.go        one correspondent of one home address (§11.1)
//	optimize.go    what its binding is to become, and when
//	routability.go Home and Care-of Tests (§11.6)
//	correspond.go  Binding Updates and Acknowledgements (§11.7.2, §11.7.3)
//	direct.go      the direct path in the kernel (§11.3.1)
//	peerhints.go   Binding Errors, Refresh Requests, ICMPv6 errors of correspondents
//	byhand.go      what mip6ctl asks for
//	settle.go      the conclusions
//	remember.go    what the next run must know
//	snapshot.go, peerview.go  what mip6ctl shows
//
// Not here: everything that touches a kernel.
package mn
