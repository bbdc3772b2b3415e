// Package cn is the correspondent node of RFC 6275 §9: it proves that a mobile
// node is reachable at both of its addresses, holds its binding for a while, and
// has packets to it sent directly.
//
//	machine.go      Step, Deadline, effects
//	params.go       what it is told
//	receive.go      messages in the order of §9.2
//	routability.go  Home and Care-of Tests (§9.4): no state, whatever is asked
//	validate.go     Binding Updates (§9.5.1)
//	bind.go         from a valid request to its answer (§9.5.2, §9.5.3)
//	answer.go       Binding Acknowledgements and Errors (§9.5.4, §9.3.3)
//	cache.go        the Binding Cache, with its bound and its memory of what has
//	                ended (§9.1, §9.6, §5.2.8)
//	refresh.go      Binding Refresh Requests (§9.5.5)
//	errors.go       ICMPv6 errors (§9.3.4)
//	snapshot.go     what mip6ctl shows
//
// Nothing here touches a kernel: role.SetDirect says what is wanted.
package cn
