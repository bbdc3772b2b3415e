package ctl

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Seconds is a duration that is a number of seconds in JSON, to the
// millisecond. Forever is null.
type Seconds time.Duration

// Forever is a duration without end.
const Forever = Seconds(math.MaxInt64)

// Duration is what time's functions want.
func (s Seconds) Duration() time.Duration { return time.Duration(s) }

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	if s == Forever {
		return []byte("null"), nil
	}
	d := time.Duration(s).Round(time.Millisecond)
	return strconv.AppendFloat(nil, d.Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*s = Forever
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	ns := f * float64(time.Second)
	if math.Abs(ns) >= math.MaxInt64 {
		return fmt.Errorf("%s seconds are more than 292 years", b)
	}
	*s = Seconds(time.Duration(math.Round(ns)).Round(time.Millisecond))
	return nil
}
