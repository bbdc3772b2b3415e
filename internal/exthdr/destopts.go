package exthdr

import (
	"bytes"
	"fmt"
)

// Option types that every node knows (RFC 8200 §4.2).
const (
	OptionPad1 = 0
	OptionPadN = 1
)

// Option is one option of a Destination Options header, as it stands.
type Option struct {
	Type uint8
	Data []byte // nil for Pad1, which has not even a length
}

// DestinationOptions is a Destination Options header with all its options,
// padding too (RFC 8200 §4.6).
type DestinationOptions struct {
	NextHeader uint8
	Options    []Option
}

// ParseDestinationOptions reads the header that begins at b[0] and may be
// followed by anything. length is how many octets it has.
func ParseDestinationOptions(b []byte) (h DestinationOptions, length int, err error) {
	if b, err = cutOptions(b); err != nil {
		return DestinationOptions{}, 0, err
	}
	h.NextHeader = b[0]
	for at := 2; at < len(b); {
		o, next, err := optionAt(b, at)
		if err != nil {
			return DestinationOptions{}, 0, err
		}
		o.Data = bytes.Clone(o.Data)
		h.Options = append(h.Options, o)
		at = next
	}
	return h, len(b), nil
}

// Append writes the header with the options as they stand: padding and
// alignment are the caller's. It fails where they do not fill whole units of
// eight octets.
func (h DestinationOptions) Append(b []byte) ([]byte, error) {
	start := len(b)
	b = append(b, h.NextHeader, 0)
	for _, o := range h.Options {
		if o.Type == OptionPad1 {
			b = append(b, OptionPad1)
			continue
		}
		if len(o.Data) > 0xff {
			return nil, fmt.Errorf("option %d has %d octets of data, more than 255", o.Type, len(o.Data))
		}
		b = append(append(b, o.Type, byte(len(o.Data))), o.Data...)
	}
	n := len(b) - start
	if n%8 != 0 || n > 256*8 {
		return nil, fmt.Errorf("a Destination Options header of %d octets is no multiple of 8 up to 2048", n)
	}
	b[start+1] = byte(n/8 - 1)
	return b, nil
}

// cutOptions returns the octets that belong to the header by its Hdr Ext Len.
func cutOptions(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, malformed(0, "%d octets are too few for a Destination Options header", len(b))
	}
	length := (int(b[1]) + 1) * 8
	if length > len(b) {
		return nil, malformed(1, "the header is cut off: Hdr Ext Len says %d octets, but there are only %d", length, len(b))
	}
	return b[:length], nil
}

// optionAt reads the option at an offset without copying it. next is where the
// following one begins.
func optionAt(b []byte, at int) (o Option, next int, err error) {
	if b[at] == OptionPad1 {
		return Option{}, at + 1, nil
	}
	if at+1 >= len(b) {
		return Option{}, 0, malformed(at, "option %d is cut off: it has no length", b[at])
	}
	if next = at + 2 + int(b[at+1]); next > len(b) {
		return Option{}, 0, malformed(at, "option %d is cut off: it ends %d octets behind the header", b[at], next-len(b))
	}
	return Option{b[at], b[at+2 : next]}, next, nil
}
