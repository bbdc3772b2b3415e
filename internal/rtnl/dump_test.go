package rtnl

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestInterruptedDumpIsAskedForAgain(t *testing.T) {
	refused := errors.New("refused")
	interrupted := fmt.Errorf("links: %w", netlink.ErrDumpInterrupted)
	for _, c := range []struct {
		name    string
		answers []error // the last for ever
		asked   int
		err     error
	}{
		{"whole", []error{nil}, 1, nil},
		{"changed twice", []error{interrupted, interrupted, nil}, 3, nil},
		{"refused", []error{refused}, 1, refused},
		{"changed, then refused", []error{interrupted, refused}, 2, refused},
		{"changes for ever", []error{interrupted}, 1 + dumpRetries, netlink.ErrDumpInterrupted},
	} {
		asked := 0
		list, err := dump(func() ([]int, error) {
			answer := c.answers[min(asked, len(c.answers)-1)]
			asked++
			return []int{asked}, answer
		})
		if asked != c.asked || !errors.Is(err, c.err) || !slices.Equal(list, []int{c.asked}) {
			t.Errorf("%s: asked %d times, %v, %v", c.name, asked, list, err)
		}
	}
}
