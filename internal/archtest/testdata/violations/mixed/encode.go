package mixed

import (
	"example.org/netlink"
	"golang.org/x/sys/unix"
	"os"
)

var _, _ = netlink.Dial, os.Args

func numbers() int { return unix.AF_INET6 }

func calls() { _ = unix.Close(0) }
