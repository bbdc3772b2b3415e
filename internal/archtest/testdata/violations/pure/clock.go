package pure

import (
	"fmt"
	clockwork "time"
)

func clocks() {
	_ = clockwork.Now()
	_ = clockwork.Since(clockwork.Time{})
	clockwork.Sleep(1)
	<-clockwork.After(1)
	_ = clockwork.NewTimer(1)
	_ = clockwork.NewTicker(1)
	now := clockwork.Now
	_ = now
	go clocks()
	fmt.Println()
}
