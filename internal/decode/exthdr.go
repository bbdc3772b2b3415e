package decode

import (
	"mip6d/internal/exthdr"
)

// destinationOptions takes a Destination Options or Hop-by-Hop Options header
// apart. A Home Address option becomes the source of what follows (RFC 6275
// §9.3.1).
func (p *path) destinationOptions(proto uint8, b []byte) (f Fields, next uint8, length int, err error) {
	h, length, err := exthdr.ParseDestinationOptions(b)
	if err != nil {
		return nil, 0, 0, err
	}
	kind := DstOpts
	if proto == protoHopByHop {
		kind = "hopopts"
	} else if home, _, err := exthdr.FindHomeAddress(b); err == nil {
		p.src = home
	} else if err != exthdr.ErrNoHomeAddress {
		return nil, 0, 0, err
	}
	options := make([]Fields, len(h.Options))
	for i, o := range h.Options {
		options[i] = destinationOption(o)
	}
	return Fields{
		{"kind", kind}, {"next_header", h.NextHeader}, {"hdr_ext_len", b[1]}, {"options", options},
	}, h.NextHeader, length, nil
}

func destinationOption(o exthdr.Option) Fields {
	f := Fields{{"type", o.Type}}
	switch {
	case o.Type == exthdr.OptionPad1:
		return append(f, Field{"name", "Pad1"})
	case o.Type == exthdr.OptionPadN:
		return append(f, Fields{{"name", "PadN"}, {"length", len(o.Data)}, {"data", octets(o.Data)}}...)
	case o.Type == exthdr.OptionHomeAddress && len(o.Data) == 16:
		return append(f, Fields{{"name", "Home Address"}, {"length", 16}, {"home_address", address(o.Data)}}...)
	}
	return append(f, Fields{{"name", "unknown"}, {"length", len(o.Data)}, {"data", octets(o.Data)}}...)
}

// routing takes a type 2 routing header apart. The home address becomes the
// destination of what follows, unless that has happened (RFC 6275 §11.3.3).
func (p *path) routing(b []byte) (f Fields, next uint8, length int, err error) {
	r, err := exthdr.ParseRouting(b)
	if err != nil {
		return nil, 0, 0, err
	}
	if r.SegmentsLeft > 0 {
		p.dst = r.HomeAddress
	}
	return Fields{
		{"kind", Routing},
		{"next_header", r.NextHeader},
		{"hdr_ext_len", b[1]},
		{"routing_type", exthdr.RoutingType2},
		{"segments_left", r.SegmentsLeft},
		{"reserved", r.Reserved},
		{"home_address", r.HomeAddress},
	}, r.NextHeader, exthdr.RoutingLen, nil
}
