// Package pure has one good file.
package pure

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

type clock struct{}

func (clock) Now() time.Time { return time.Time{} }

// Good uses nothing that is forbidden: a method named Now is nobody's clock.
func Good(a netip.Addr, at time.Time) string {
	var c clock
	_ = binary.BigEndian
	return fmt.Sprint(a, at.Add(time.Second), c.Now())
}
