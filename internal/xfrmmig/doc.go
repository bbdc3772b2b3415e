// Package xfrmmig speaks xfrm_user for Mobile IPv6: the states and sub-policies
// that let the kernel take and send packets with a Home Address option or a type
// 2 routing header.
//
// The files: encode.go from values to bytes, decode.go back, both pure;
// applier.go the netlink socket; signalling.go the states and policies that a
// role needs before any binding; direct.go those of a direct path, paths.go their
// applier; report.go what the kernel tells of Home Address options without a
// binding.
//
// IPsec between mobile node and home agent: esp.go and migrate.go from values to
// bytes and back, protect.go which associations and policies there are at which end,
// all pure; association.go the netlink socket, guard.go the applier that keeps them,
// managed.go what it does where an IKE daemon makes the associations, question.go what
// that was asked, found.go what it finds of an earlier run, watch.go what it brings back;
// model.go stands in for the kernel in simulations; outgoing.go where signalling leaves
// from; others.go the tunnels of other programs; thresholds.go how the kernel finds policies;
// stats.go what it counts.
//
// The library that speaks the rest of netlink for us has neither care-of
// addresses of states nor MIGRATE.
package xfrmmig
