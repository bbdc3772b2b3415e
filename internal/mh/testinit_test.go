package mh

import (
	"bytes"
	"testing"
)

func TestReadTestInitIsParse(t *testing.T) {
	cookie := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	for _, m := range []Message{&HomeTestInit{Cookie: cookie}, &CareOfTestInit{Cookie: cookie}} {
		raw, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		typ, got, ok := ReadTestInit(raw)
		if !ok || typ != m.Type() || got != cookie {
			t.Errorf("%T: %v %x %v", m, typ, got, ok)
		}
		for i, bad := range [][]byte{
			nil, raw[:15], append(bytes.Clone(raw), 0),
			edited(raw, 0, 58), edited(raw, 1, 2), edited(raw, 2, 3), edited(raw, 2, 5),
		} {
			if _, _, ok := ReadTestInit(bad); ok {
				t.Errorf("%T: bad message %d is read", m, i)
			}
		}
	}
}

func edited(b []byte, at int, v byte) []byte {
	b = bytes.Clone(b)
	b[at] = v
	return b
}

func TestPutTestIsMarshal(t *testing.T) {
	cookie, token := [8]byte{1, 2, 3}, [8]byte{9, 8, 7}
	for init, m := range map[Type]Message{
		TypeHomeTestInit:   &HomeTest{NonceIndex: 0x1234, Cookie: cookie, Token: token},
		TypeCareOfTestInit: &CareOfTest{NonceIndex: 0x1234, Cookie: cookie, Token: token},
	} {
		want, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var got [TestLen]byte
		PutTest(&got, init, 0x1234, cookie, token)
		if !bytes.Equal(got[:], want) {
			t.Errorf("%T: %x, want %x", m, got, want)
		}
	}
}
