package rtnl

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumpRetries is how often a list is asked for again that changed while it was
// told.
const dumpRetries = 5

// dump asks for a list, and again when the kernel says that what it told may be
// neither the list before a change nor the one after it.
func dump[T any](ask func() ([]T, error)) ([]T, error) {
	list, err := ask()
	for range dumpRetries {
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
		list, err = ask()
	}
	return list, err
}
