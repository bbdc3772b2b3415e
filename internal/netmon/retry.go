package netmon

import (
	"context"
	"time"
)

// What fails for want of memory or buffers, or because somebody forbids it for a while, is
// tried again for retryTime.
const (
	retryDelay = 100 * time.Millisecond
	retryTime  = 10 * time.Second
)

// retry does something until it succeeds, until it has failed for too long, or until ctx ends;
// then it returns nil.
func retry(ctx context.Context, do func() error) error {
	for left := retryTime; ; left -= retryDelay {
		err := do()
		if err == nil || left <= 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryDelay):
		}
	}
}
