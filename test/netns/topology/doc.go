// Package topology builds the network of the README's picture in namespaces:
//
//	        cn                    2001:db8:c::/64, the correspondent node
//	         │
//	       router ────── ha       2001:db8:a::/64 between them
//	       │    │         │
//	foreign1  foreign2   home     2001:db8:f1::/64, 2001:db8:f2::/64, 2001:db8:1::/64
//	   :        :         :
//	   └ ─ ─  [ mn ] ─ ─ ─┘       eth0, plugged into one of the three at a time
//
// The three links are bridges in a namespace of their own, "switch". Moving
// the mobile node takes its port out of one bridge and puts it into another,
// with loss of carrier in between, as a hand does it with a cable.
//
// The router advertises on both foreign links and the home agent's machine on
// the home link (package radv); delay and loss of a link lie between the link
// and its router, in both directions.
package topology
