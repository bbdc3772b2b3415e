package loadgen

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
)

// Kind is what a mobile node registers for.
type Kind uint8

// Kinds of registration.
const (
	First        Kind = iota // there is no binding yet: duplicate address detection (RFC 6275 §10.3.1)
	Refresh                  // the same care-of address
	CareOfChange             // a new one
	Deregister               // lifetime 0, from where it is
	kinds
)

var kindNames = [kinds]string{"first", "refresh", "care_of_change", "deregistration"}

func (k Kind) String() string { return kindNames[k] }

// MarshalText is the name, as it stands in reports.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("kind of registration %q: want one of %q", text, kindNames)
	}
	*k = Kind(i)
	return nil
}

// Order says which mobile node does what next.
type Order = iter.Seq2[int, Kind]

// Each has mobile nodes from to to-1 do the same, each once.
func Each(k Kind, from, to int) Order {
	return func(yield func(int, Kind) bool) {
		for i := from; i < to; i++ {
			if !yield(i, k) {
				return
			}
		}
	}
}

// Mix has mobile nodes from to to-1 do something without end, each in its turn:
// a share of them moves, the others refresh. share is from 0 to 1.
func Mix(random *rand.Rand, share float64, from, to int) Order {
	return func(yield func(int, Kind) bool) {
		for {
			for i := from; i < to; i++ {
				k := Refresh
				if random.Float64() < share {
					k = CareOfChange
				}
				if !yield(i, k) {
					return
				}
			}
		}
	}
}
