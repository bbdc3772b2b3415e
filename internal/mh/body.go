package mh

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

var be = binary.BigEndian

// The flags of a Binding Update, in the 16 bits after the sequence number
// (§6.1.7; M: RFC 5380, R: RFC 3963 §4.1).
const (
	buAck       = 0x8000
	buHome      = 0x4000
	buLinkLocal = 0x2000
	buKeyMgmt   = 0x1000
	buMAP       = 0x0800
	buRouter    = 0x0400
	buKnown     = buAck | buHome | buLinkLocal | buKeyMgmt | buMAP | buRouter
)

// The flags of a Binding Acknowledgement (§6.1.8; R: RFC 3963 §4.2).
const (
	baKeyMgmt = 0x80
	baRouter  = 0x40
	baKnown   = baKeyMgmt | baRouter
)

func (*BindingRefreshRequest) bodyLen() int { return 2 }

func (m *BindingRefreshRequest) parseBody(b []byte) {
	m.Reserved2 = be.Uint16(b)
}

func (m *BindingRefreshRequest) putBody(b []byte) { be.PutUint16(b, m.Reserved2) }

func (*HomeTestInit) bodyLen() int { return 10 }

func (m *HomeTestInit) parseBody(b []byte) {
	m.Reserved2, m.Cookie = be.Uint16(b), [8]byte(b[2:])
}

func (m *HomeTestInit) putBody(b []byte) {
	be.PutUint16(b, m.Reserved2)
	copy(b[2:], m.Cookie[:])
}

func (*CareOfTestInit) bodyLen() int { return 10 }

func (m *CareOfTestInit) parseBody(b []byte) {
	m.Reserved2, m.Cookie = be.Uint16(b), [8]byte(b[2:])
}

func (m *CareOfTestInit) putBody(b []byte) {
	be.PutUint16(b, m.Reserved2)
	copy(b[2:], m.Cookie[:])
}

func (*HomeTest) bodyLen() int { return 18 }

func (m *HomeTest) parseBody(b []byte) {
	m.NonceIndex, m.Cookie, m.Token = be.Uint16(b), [8]byte(b[2:]), [8]byte(b[10:])
}

func (m *HomeTest) putBody(b []byte) {
	be.PutUint16(b, m.NonceIndex)
	copy(b[2:], m.Cookie[:])
	copy(b[10:], m.Token[:])
}

func (*CareOfTest) bodyLen() int { return 18 }

func (m *CareOfTest) parseBody(b []byte) {
	m.NonceIndex, m.Cookie, m.Token = be.Uint16(b), [8]byte(b[2:]), [8]byte(b[10:])
}

func (m *CareOfTest) putBody(b []byte) {
	be.PutUint16(b, m.NonceIndex)
	copy(b[2:], m.Cookie[:])
	copy(b[10:], m.Token[:])
}

func (*BindingUpdate) bodyLen() int { return 6 }

func (m *BindingUpdate) parseBody(b []byte) {
	flags := be.Uint16(b[2:])
	m.Sequence = be.Uint16(b)
	m.Ack = flags&buAck != 0
	m.Home = flags&buHome != 0
	m.LinkLocal = flags&buLinkLocal != 0
	m.KeyMgmt = flags&buKeyMgmt != 0
	m.MAP = flags&buMAP != 0
	m.Router = flags&buRouter != 0
	m.Flags = flags &^ buKnown
	m.Lifetime = lifetime(be.Uint16(b[4:]))
}

func (m *BindingUpdate) putBody(b []byte) {
	flags := m.Flags &^ buKnown
	for _, f := range []struct {
		set bool
		bit uint16
	}{
		{m.Ack, buAck}, {m.Home, buHome}, {m.LinkLocal, buLinkLocal},
		{m.KeyMgmt, buKeyMgmt}, {m.MAP, buMAP}, {m.Router, buRouter},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	be.PutUint16(b, m.Sequence)
	be.PutUint16(b[2:], flags)
	be.PutUint16(b[4:], unitsAsked(m.Lifetime))
}

func (*BindingAcknowledgement) bodyLen() int { return 6 }

func (m *BindingAcknowledgement) parseBody(b []byte) {
	m.Status = Status(b[0])
	m.KeyMgmt = b[1]&baKeyMgmt != 0
	m.Router = b[1]&baRouter != 0
	m.Flags = b[1] &^ baKnown
	m.Sequence = be.Uint16(b[2:])
	m.Lifetime = lifetime(be.Uint16(b[4:]))
}

func (m *BindingAcknowledgement) putBody(b []byte) {
	flags := m.Flags &^ baKnown
	if m.KeyMgmt {
		flags |= baKeyMgmt
	}
	if m.Router {
		flags |= baRouter
	}
	b[0], b[1] = byte(m.Status), flags
	be.PutUint16(b[2:], m.Sequence)
	be.PutUint16(b[4:], units(m.Lifetime))
}

func (*BindingError) bodyLen() int { return 18 }

func (m *BindingError) parseBody(b []byte) {
	m.Status, m.Reserved2 = Status(b[0]), b[1]
	m.HomeAddress = netip.AddrFrom16([16]byte(b[2:]))
}

func (m *BindingError) putBody(b []byte) {
	b[0], b[1] = byte(m.Status), m.Reserved2
	putAddr(b[2:], m.HomeAddress)
}

func (m *Unknown) bodyLen() int { return len(m.Data) }

func (m *Unknown) parseBody(b []byte) { m.Data = bytes.Clone(b) }

func (m *Unknown) putBody(b []byte) { copy(b, m.Data) }

// putAddr writes an address, or the unspecified one for none.
func putAddr(b []byte, a netip.Addr) {
	if a.IsValid() {
		a16 := a.As16()
		copy(b, a16[:])
	}
}
