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
func dump[T any](ask func() ([]T, error)) (list []T, err error) {
	err = again(func() error {
		list, err = ask()
		return err
	})
	return list, err
}

// again is dump for who takes what is told as it comes: ask begins anew each time.
func again(ask func() error) error {
	err := ask()
	for range dumpRetries {
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
		err = ask()
	}
	return err
}
