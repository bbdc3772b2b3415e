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

// TestRetry: a kernel that is short of memory for a while does not end a daemon; what is wrong
// for good does, and so does its end.
func TestRetry(t *testing.T) {
	forGood := errors.New("no such thing")
	for _, c := range []struct {
		name  string
		errs  []error // of one try after the other; then nil
		want  error
		tries int
	}{
		{"at once", nil, nil, 1},
		{"after a while", []error{unix.ENOBUFS, fmt.Errorf("list addresses: %w", unix.ENOMEM)}, nil, 3},
		{"never", []error{unix.ENOBUFS, forGood, unix.ENOBUFS}, forGood, 2},
		{"not before the end", make([]error, 1000), nil, 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			if len(c.errs) == 1000 {
				for i := range c.errs {
					c.errs[i] = unix.ENOBUFS
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*retryDelay-time.Millisecond)
			defer cancel()
			tries := 0
			err := retry(ctx, func() error {
				tries++
				if tries <= len(c.errs) {
					return c.errs[tries-1]
				}
				return nil
			})
			if !errors.Is(err, c.want) || tries != c.tries {
				t.Errorf("%s: %v after %d tries, want %v after %d", c.name, err, tries, c.want, c.tries)
			}
		})
	}
}
