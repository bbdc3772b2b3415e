package netmon

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestRetry: a kernel that is short of memory for a while does not end a daemon; one that
// always is does.
func TestRetry(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails int // so many tries
		end   time.Duration
		want  error
		tries int
	}{
		{"at once", 0, time.Hour, nil, 1},
		{"after a while", 2, time.Hour, nil, 3},
		{"never", 1 << 30, time.Hour, unix.ENOMEM, int(retryTime/retryDelay) + 1},
		{"not before the end", 1 << 30, 10*retryDelay - time.Millisecond, nil, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.end)
			defer cancel()
			tries := 0
			err := retry(ctx, func() error {
				if tries++; tries > c.fails {
					return nil
				}
				return fmt.Errorf("list addresses: %w", unix.ENOMEM)
			})
			if !errors.Is(err, c.want) || tries != c.tries {
				t.Errorf("%s: %v after %d tries, want %v after %d", c.name, err, tries, c.want, c.tries)
			}
		})
	}
}
