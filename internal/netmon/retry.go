package netmon

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// retryDelay is between two tries of what failed for want of something that comes back.
const retryDelay = 100 * time.Millisecond

// transient says whether a request may succeed when it is made again.
func transient(err error) bool {
	return slices.ContainsFunc([]unix.Errno{unix.ENOBUFS, unix.ENOMEM, unix.EAGAIN, unix.EINTR, unix.EBUSY, unix.EMFILE, unix.ENFILE},
		func(e unix.Errno) bool { return errors.Is(err, e) })
}

// retry does something until it succeeds, fails for good, or ctx ends; then it returns nil.
func retry(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || !transient(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryDelay):
		}
	}
}
