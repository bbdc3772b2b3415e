package decode

import (
	"errors"
	"fmt"
	"time"

	"mip6d/internal/mh"
)

// mobilityHeader takes a Mobility Header apart.
func (p *path) mobilityHeader(b []byte) (Fields, error) {
	m, err := mh.Parse(b)
	var bad *mh.ParseError
	switch {
	case errors.As(err, &bad) && bad.Reason == mh.ReasonUnknownType:
		if m, err = mh.ParseUnknown(b); err != nil {
			return nil, answered(err)
		}
	case err != nil:
		return nil, answered(err)
	}
	h := m.Base()
	f := Fields{
		{"kind", MH},
		{"payload_proto", b[0]},
		{"header_len", b[1]},
		{"mh_type", uint8(m.Type())},
		{"mh_type_name", m.Type().String()},
		{"reserved", h.Reserved},
		{"checksum", h.Checksum},
	}
	if p.known() {
		f = append(f, Field{"checksum_ok", mh.ChecksumOK(b, p.src, p.dst)})
	}
	f = append(f, mhBody(m)...)
	if _, ok := m.(*mh.Unknown); ok {
		return f, nil
	}
	options := make([]Fields, len(h.Options))
	for i, o := range h.Options {
		options[i] = mhOption(o)
	}
	return append(f, Field{"options", options}), nil
}

// answered adds the protocol's answer to a codec's error.
func answered(err error) error {
	var bad *mh.ParseError
	if !errors.As(err, &bad) {
		return err
	}
	switch bad.Answer {
	case mh.AnswerParameterProblem:
		return fmt.Errorf("%w (answered with a Parameter Problem, code 0, pointer %d from the Mobility Header)", err, bad.Pointer)
	case mh.AnswerBindingError:
		return fmt.Errorf("%w (answered with a Binding Error, status %d)", err, bad.Status)
	}
	return fmt.Errorf("%w (silently discarded)", err)
}

// mhBody is the Message Data of a message, without its options.
func mhBody(m mh.Message) Fields {
	switch m := m.(type) {
	case *mh.BindingRefreshRequest:
		return Fields{{"reserved2", m.Reserved2}}
	case *mh.HomeTestInit:
		return Fields{{"reserved2", m.Reserved2}, {"home_init_cookie", octets(m.Cookie[:])}}
	case *mh.CareOfTestInit:
		return Fields{{"reserved2", m.Reserved2}, {"care_of_init_cookie", octets(m.Cookie[:])}}
	case *mh.HomeTest:
		return Fields{
			{"home_nonce_index", m.NonceIndex},
			{"home_init_cookie", octets(m.Cookie[:])},
			{"home_keygen_token", octets(m.Token[:])},
		}
	case *mh.CareOfTest:
		return Fields{
			{"care_of_nonce_index", m.NonceIndex},
			{"care_of_init_cookie", octets(m.Cookie[:])},
			{"care_of_keygen_token", octets(m.Token[:])},
		}
	case *mh.BindingUpdate:
		return append(Fields{
			{"sequence", m.Sequence},
			{"acknowledge", m.Ack},
			{"home_registration", m.Home},
			{"link_local_address_compatibility", m.LinkLocal},
			{"key_management_mobility_capability", m.KeyMgmt},
			{"map_registration", m.MAP},
			{"mobile_router", m.Router},
			{"reserved_flags", m.Flags},
		}, fourSeconds("lifetime", m.Lifetime)...)
	case *mh.BindingAcknowledgement:
		return append(Fields{
			{"status", uint8(m.Status)},
			{"status_name", m.Status.String()},
			{"key_management_mobility_capability", m.KeyMgmt},
			{"mobile_router", m.Router},
			{"reserved_flags", m.Flags},
			{"sequence", m.Sequence},
		}, fourSeconds("lifetime", m.Lifetime)...)
	case *mh.BindingError:
		return Fields{
			{"status", uint8(m.Status)},
			{"status_name", m.Status.ErrorString()},
			{"reserved2", m.Reserved2},
			{"home_address", m.HomeAddress},
		}
	case *mh.Unknown:
		return Fields{{"message_data", octets(m.Data)}}
	}
	return nil
}

// fourSeconds is a time as on the wire, in units of four seconds, and in seconds.
func fourSeconds(name string, d time.Duration) Fields {
	return Fields{
		{name, int64(d / mh.LifetimeUnit)},
		{name + "_seconds", int64(d / time.Second)},
	}
}
