package mh

import (
	"errors"
	"fmt"
	"testing"
)

// refused parses what is malformed.
func refused(t *testing.T, b []byte) *ParseError {
	t.Helper()
	m, err := Parse(b)
	var p *ParseError
	if !errors.As(err, &p) {
		t.Fatalf("message %+v, error %v", m, err)
	}
	if p.Text == "" || p.Reason == "" || p.Offset < 0 || p.Offset > len(b) {
		t.Errorf("incomplete error %#v", p)
	}
	return p
}

// Requirements: 6275-9.2-2
func TestRFC6275_9_2_UnknownTypeGetsABindingError(t *testing.T) {
	for _, typ := range []byte{8, 13, 99, 255} {
		p := refused(t, []byte{59, 0, typ, 0, 0, 0, 0, 0})
		if p.Answer != AnswerBindingError || p.Status != 2 || p.Reason != ReasonUnknownType {
			t.Errorf("type %d: %#v", typ, p)
		}
	}
}

// Requirements: 6275-9.2-3
func TestRFC6275_9_2_PayloadProtoGetsAParameterProblem(t *testing.T) {
	for typ := range Type(8) {
		b := make([]byte, 24)
		b[0], b[1], b[2] = 58, 2, byte(typ)
		p := refused(t, b)
		if p.Answer != AnswerParameterProblem || p.Pointer != 0 || p.Reason != ReasonPayloadProto {
			t.Errorf("%s: %#v", typ, p)
		}
	}
}

// The lengths are those of §6.1.2–6.1.9 without options.
//
// Requirements: 6275-9.2-4
func TestRFC6275_9_2_HeaderLenGetsAParameterProblem(t *testing.T) {
	for typ, least := range map[Type]int{
		TypeBindingRefreshRequest: 0, TypeHomeTestInit: 1, TypeCareOfTestInit: 1, TypeHomeTest: 2, TypeCareOfTest: 2,
		TypeBindingUpdate: 1, TypeBindingAcknowledgement: 1, TypeBindingError: 2,
	} {
		for n := range 3 {
			t.Run(fmt.Sprintf("%s, Header Len %d", typ, n), func(t *testing.T) {
				b := make([]byte, 8*(n+1))
				b[0], b[1], b[2] = 59, byte(n), byte(typ)
				if n >= least {
					if _, err := Parse(b); err != nil {
						t.Error(err)
					}
					return
				}
				p := refused(t, b)
				if p.Answer != AnswerParameterProblem || p.Pointer != 1 || p.Reason != ReasonHeaderLen {
					t.Errorf("%#v", p)
				}
			})
		}
	}
}

// §9.2 looks at the MH Type before the other fields.
func TestRFC6275_9_2_TypeComesFirst(t *testing.T) {
	if p := refused(t, []byte{58, 0, 99, 0, 0, 0, 0, 0}); p.Reason != ReasonUnknownType {
		t.Errorf("%#v", p)
	}
	if p := refused(t, []byte{58, 0, byte(TypeBindingUpdate), 0, 0, 0, 0, 0}); p.Reason != ReasonPayloadProto {
		t.Errorf("%#v", p)
	}
}

// What the RFC gives no answer to gets none.
//
// Requirements: 4283-3-1
func TestMalformedGetsSilence(t *testing.T) {
	const bu, bu32 = "3b 01 05 00 0000 8001 c000 0064", "3b 03 05 00 0000 8001 c000 0064"
	for _, c := range []struct {
		name, wire string
		reason     Reason
		offset     int
	}{
		{"nothing", "", ReasonTruncated, 0},
		{"seven octets", "3b 00 00 00 0000 00", ReasonTruncated, 0},
		{"cut off", "3b 01 05 00 0000 0001", ReasonTruncated, 1},
		{"cut off, longest", "3b ff 05 00 0000 0001", ReasonTruncated, 1},
		{"cut off, unknown type", "3b 01 63 00 0000 0001", ReasonTruncated, 1},
		{"option without length", bu + "000000 02", ReasonOptionLength, 15},
		{"option behind the end", bu + "0103 0000", ReasonOptionLength, 12},
		{"PadN behind the end", bu + "01ff 0000", ReasonOptionLength, 12},
		{"refresh advice of 1", bu + "0201 00 00", ReasonOptionLength, 12},
		{"refresh advice of 0", bu + "0200 0000", ReasonOptionLength, 12},
		{"alternate care-of address of 2", bu + "0302 0000", ReasonOptionLength, 12},
		{"nonce indices of 2", bu + "0402 0000", ReasonOptionLength, 12},
		{"authorization data of 2", bu + "0502 0000", ReasonOptionLength, 12},
		{"mobile network prefix of 2", bu + "0602 0000", ReasonOptionLength, 12},
		{"identifier of 1: nobody", bu + "0801 01 00", ReasonOptionLength, 12},
		{"identifier of 0", bu + "0800 0000", ReasonOptionLength, 12},
		{"authentication without SPI", bu + "0902 01 00", ReasonOptionLength, 12},
		{"timestamp of 2", bu + "0a02 0000", ReasonOptionLength, 12},
		{"prefix of 129 bits", bu32 + "0612 0081" + hoaHex, ReasonOptionValue, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := refused(t, unhex(t, c.wire))
			if p.Answer != AnswerSilence || p.Reason != c.reason || p.Offset != c.offset {
				t.Errorf("got %#v, want silence, %s at octet %d", p, c.reason, c.offset)
			}
		})
	}
}

func TestOctetsBehindTheHeaderAreIgnored(t *testing.T) {
	b := unhex(t, "3b 00 00 00 0000 0000 0102030405060708")
	m, err := Parse(b)
	if err != nil || len(m.Base().Options) != 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestParseUnknownReadsAnyType(t *testing.T) {
	wire := unhex(t, "3b 01 0d aa 1234 0001 00000005 01020000")
	m, err := ParseUnknown(append(wire, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	if m.Type() != 13 || m.Type().String() != "Heartbeat" || len(m.Data) != 10 || m.Reserved != 0xaa || m.Checksum != 0x1234 {
		t.Errorf("%+v", m)
	}
	got, err := Marshal(m)
	if err != nil || string(got) != string(wire) {
		t.Errorf("marshalled %x, %v\nwant       %x", got, err, wire)
	}
	for _, bad := range []string{"3b 01 0d 00 0000 0001", "3a 00 0d 00 0000 0001"} {
		if m, err := ParseUnknown(unhex(t, bad)); err == nil {
			t.Errorf("%s: %+v", bad, m)
		}
	}
}
