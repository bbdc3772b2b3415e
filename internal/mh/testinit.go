package mh

// TestLen is the length of a Home or Care-of Test without options.
const TestLen = 24

// ReadTestInit reads a Home or Care-of Test Init that has no options, as nearly
// all of them. Unlike Parse it allocates nothing: a correspondent node reads one
// for whoever cares to send it. It is false for everything else.
func ReadTestInit(b []byte) (t Type, cookie [8]byte, ok bool) {
	const length = 16
	if len(b) != length || b[0] != noNext || headerLength(b) != length {
		return 0, cookie, false
	}
	t = Type(b[2])
	if t != TypeHomeTestInit && t != TypeCareOfTestInit {
		return 0, cookie, false
	}
	return t, [8]byte(b[8:]), true
}

// PutTest writes the answer to a Home or Care-of Test Init, §6.1.5 and §6.1.6,
// with a zero Checksum.
func PutTest(b *[TestLen]byte, init Type, index uint16, cookie, token [8]byte) {
	t := TypeHomeTest
	if init == TypeCareOfTestInit {
		t = TypeCareOfTest
	}
	*b = [TestLen]byte{noNext, TestLen/8 - 1, byte(t)}
	be.PutUint16(b[6:], index)
	copy(b[8:], cookie[:])
	copy(b[16:], token[:])
}
