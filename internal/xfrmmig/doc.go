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
// The library that speaks the rest of netlink for us has neither care-of
// addresses of states nor MIGRATE.
package xfrmmig
