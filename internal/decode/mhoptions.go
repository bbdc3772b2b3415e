package decode

import (
	"fmt"
	"time"

	"mip6d/internal/mh"
)

// mhOption is one mobility option.
func mhOption(o mh.Option) Fields {
	f := Fields{{"type", uint8(o.OptionType())}, {"name", o.OptionType().String()}}
	length := func(n int) { f = append(f, Field{"length", n}) }
	switch o := o.(type) {
	case mh.Pad1:
		return f
	case mh.PadN:
		length(len(o.Data))
		return append(f, Field{"data", octets(o.Data)})
	case mh.BindingRefreshAdvice:
		length(2)
		return append(f, fourSeconds("refresh_interval", o.Interval)...)
	case mh.AlternateCareOfAddress:
		length(16)
		return append(f, Field{"alternate_care_of_address", o.CareOf})
	case mh.NonceIndices:
		length(4)
		return append(f, Fields{{"home_nonce_index", o.Home}, {"care_of_nonce_index", o.CareOf}}...)
	case mh.BindingAuthorizationData:
		length(len(o.Authenticator))
		return append(f, Field{"authenticator", octets(o.Authenticator[:])})
	case mh.MobileNetworkPrefix:
		length(18)
		return append(f, Fields{
			{"reserved", o.Reserved}, {"prefix_length", o.Length}, {"mobile_network_prefix", o.Prefix},
		}...)
	case mh.MobileNodeIdentifier:
		length(1 + len(o.Identifier))
		f = append(f, Field{"subtype", o.Subtype})
		if o.Subtype == mh.SubtypeNAI && printable(o.Identifier) {
			return append(f, Fields{{"subtype_name", "NAI"}, {"identifier", string(o.Identifier)}}...)
		}
		return append(f, Field{"identifier_hex", octets(o.Identifier)})
	case mh.MobilityMessageAuthentication:
		length(5 + len(o.Authenticator))
		f = append(f, Field{"subtype", o.Subtype})
		switch o.Subtype {
		case mh.SubtypeMNHA:
			f = append(f, Field{"subtype_name", "MN-HA"})
		case mh.SubtypeMNAAA:
			f = append(f, Field{"subtype_name", "MN-AAA"})
		}
		return append(f, Fields{{"mobility_spi", o.SPI}, {"authentication_data", octets(o.Authenticator)}}...)
	case mh.MesgID:
		length(8)
		return append(f, Fields{
			// As text: JSON's readers keep no 64-bit numbers.
			{"timestamp", fmt.Sprintf("%016x", o.Timestamp)},
			{"timestamp_utc", ntp(o.Timestamp).Format(time.RFC3339Nano)},
		}...)
	case mh.IPv4HomeAddress:
		length(6)
		return append(f, Fields{
			{"prefix_length", o.PrefixLen}, {"prefix_requested", o.WantPrefix}, {"ipv4_home_address", o.Addr},
		}...)
	case mh.IPv4AddressAcknowledgement:
		length(6)
		return append(f, Fields{
			{"status", uint8(o.Status)}, {"status_name", o.Status.String()},
			{"prefix_length", o.PrefixLen}, {"ipv4_home_address", o.Addr},
		}...)
	case mh.UnknownOption:
		length(len(o.Data))
		return append(f, Field{"data", octets(o.Data)})
	}
	return f
}

// ntp converts a timestamp of RFC 4285 §6: seconds since 1900 and their fraction.
// Without its highest bit it is of the time after February 2036, when the seconds
// begin again.
func ntp(stamp uint64) time.Time {
	const since1900 = 2_208_988_800 // from there to 1970
	seconds := int64(stamp >> 32)
	if seconds>>31 == 0 {
		seconds += 1 << 32
	}
	nanoseconds := (stamp & 0xffffffff) * 1_000_000_000 >> 32
	return time.Unix(seconds-since1900, int64(nanoseconds)).UTC()
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}
