package mn

import "C"

import "example.org/netlink"
import "golang.org/x/sys/unix"

var X = netlink.X + unix.AF_INET6
