package mh

import (
	"net/netip"
	"testing"
)

var (
	identifier = MobileNodeIdentifier{SubtypeNAI, []byte("mn@example.com")}
	mnha       = MobilityMessageAuthentication{SubtypeMNHA, 256, authenticator}
	mnaaa      = MobilityMessageAuthentication{SubtypeMNAAA, 3, make([]byte, 20)}
	altCoA     = AlternateCareOfAddress{coa}
	prefix     = MobileNetworkPrefix{Length: 64, Prefix: netip.MustParseAddr("2001:db8:abcd::")}
	bad        = BindingAuthorizationData{[12]byte(authenticator)}
)

// Requirements: 4283-3.2-1, 4285-5-1, 4285-5-2, 4285-5.1-1, 4285-5.2-3, 6275-6.2-1, 6275-6.2-2, 6275-9.5.1-9
// Requirements: 6275-11.7.3-3
func TestOrderOfOptions(t *testing.T) {
	pad := PadN{make([]byte, 6)}
	for _, c := range []struct {
		name string
		opts Options
		ok   bool
	}{
		{"RFC 6275 §6.2: any order", Options{NonceIndices{}, altCoA, identifier}, true},
		{"RFC 6275 §6.2.7: authorization data last", Options{NonceIndices{}, bad}, true},
		{"RFC 6275 §6.2.7: an option behind", Options{bad, NonceIndices{}}, false},
		{"RFC 6275 §6.2.7: padding behind", Options{bad, pad}, false},
		{"RFC 6275 §6.2.7: an unknown option behind", Options{bad, UnknownOption{Type: 200}}, false},
		{"repeated authorization data", Options{bad, bad}, false},
		{"repeated alternate care-of address", Options{altCoA, altCoA}, false},
		{"repeated nonce indices", Options{NonceIndices{}, NonceIndices{}}, false},
		{"repeated refresh advice", Options{BindingRefreshAdvice{}, BindingRefreshAdvice{}}, false},
		{"repeated identifier", Options{identifier, identifier, mnha}, false},
		{"repeated timestamp", Options{MesgID{1}, MesgID{2}, mnha}, false},
		{"RFC 3963 §4.3: several prefixes", Options{prefix, prefix, prefix}, true},
		{"repeated unknown options", Options{UnknownOption{Type: 200}, UnknownOption{Type: 200}}, true},
		{"RFC 4283 §3.2: identifier before authentication", Options{identifier, MesgID{1}, mnha}, true},
		{"RFC 4283 §3.2: identifier behind authentication", Options{mnha, identifier}, false},
		{"RFC 4285 §5: MN-HA before MN-AAA", Options{identifier, mnha, mnaaa}, true},
		{"RFC 4285 §5: MN-AAA before MN-HA", Options{identifier, mnaaa, mnha}, false},
		{"RFC 4285 §5: one of a subtype", Options{mnha, mnha}, false},
		{"RFC 4285 §5: one of an unknown subtype", Options{
			MobilityMessageAuthentication{7, 1, nil}, MobilityMessageAuthentication{7, 2, nil},
		}, false},
		{"RFC 4285 §5.1: MN-HA last", Options{mnha, altCoA}, false},
		{"RFC 4285 §5.1: an unknown option behind", Options{mnha, UnknownOption{Type: 200}}, false},
		{"RFC 4285 §5.2: MN-AAA last", Options{mnaaa, MesgID{1}}, false},
		{"RFC 4285 §5: padding behind, for alignment", Options{mnha, pad}, true},
		{"RFC 4285 §5 with authorization data", Options{mnha, bad}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Marshal(&BindingUpdate{Header: Header{Options: c.opts}})
			if err != nil {
				t.Fatal(err)
			}
			if c.ok {
				if _, err := Parse(b); err != nil {
					t.Error(err)
				}
				return
			}
			if p := refused(t, b); p.Reason != ReasonOptionOrder || p.Answer != AnswerSilence {
				t.Errorf("got %#v, want silence for %s", p, ReasonOptionOrder)
			}
		})
	}
}
