package icmp6

// DestinationUnreachable is RFC 4443 §3.1.
type DestinationUnreachable struct {
	Header
	Unused uint32 // kept as received
	Packet []byte // as much of the invoking packet as fits
}

// PacketTooBig is RFC 4443 §3.2.
type PacketTooBig struct {
	Header
	MTU    uint32
	Packet []byte
}

// TimeExceeded is RFC 4443 §3.3.
type TimeExceeded struct {
	Header
	Unused uint32 // kept as received
	Packet []byte
}

// ParameterProblem is RFC 4443 §3.4.
type ParameterProblem struct {
	Header
	Pointer uint32 // offset of what is wrong in the invoking packet
	Packet  []byte
}

// Codes of a ParameterProblem.
const (
	CodeErroneousHeader    = 0
	CodeUnrecognizedNext   = 1
	CodeUnrecognizedOption = 2
)

// maxInvoking is how much of an invoking packet fits into an error message: all
// of it has to stay within the minimum IPv6 MTU of 1280 octets (RFC 4443 §2.4 c),
// of which the IPv6 header takes 40 and the error's own fields 8.
const maxInvoking = 1280 - 40 - 8

// NewParameterProblem makes the error about a packet that was received, from its
// IPv6 header on. pointer counts from there; what mh.ParseError says counts from
// the Mobility Header, so the caller adds what stands before that.
func NewParameterProblem(code uint8, pointer int, packet []byte) *ParameterProblem {
	return &ParameterProblem{
		Header: Header{Code: code}, Pointer: uint32(pointer), Packet: packet[:min(len(packet), maxInvoking)],
	}
}

// errorMessage is a message that ends with the invoking packet.
type errorMessage interface {
	Message
	invoking() *[]byte
}

func (m *DestinationUnreachable) invoking() *[]byte { return &m.Packet }
func (m *PacketTooBig) invoking() *[]byte           { return &m.Packet }
func (m *TimeExceeded) invoking() *[]byte           { return &m.Packet }
func (m *ParameterProblem) invoking() *[]byte       { return &m.Packet }

// Type returns TypeDestinationUnreachable.
func (*DestinationUnreachable) Type() Type { return TypeDestinationUnreachable }

// Type returns TypePacketTooBig.
func (*PacketTooBig) Type() Type { return TypePacketTooBig }

// Type returns TypeTimeExceeded.
func (*TimeExceeded) Type() Type { return TypeTimeExceeded }

// Type returns TypeParameterProblem.
func (*ParameterProblem) Type() Type { return TypeParameterProblem }

func (*DestinationUnreachable) bodyLen() int         { return 4 }
func (m *DestinationUnreachable) parseBody(b []byte) { m.Unused = be.Uint32(b) }
func (m *DestinationUnreachable) putBody(b []byte)   { be.PutUint32(b, m.Unused) }

func (*PacketTooBig) bodyLen() int         { return 4 }
func (m *PacketTooBig) parseBody(b []byte) { m.MTU = be.Uint32(b) }
func (m *PacketTooBig) putBody(b []byte)   { be.PutUint32(b, m.MTU) }

func (*TimeExceeded) bodyLen() int         { return 4 }
func (m *TimeExceeded) parseBody(b []byte) { m.Unused = be.Uint32(b) }
func (m *TimeExceeded) putBody(b []byte)   { be.PutUint32(b, m.Unused) }

func (*ParameterProblem) bodyLen() int         { return 4 }
func (m *ParameterProblem) parseBody(b []byte) { m.Pointer = be.Uint32(b) }
func (m *ParameterProblem) putBody(b []byte)   { be.PutUint32(b, m.Pointer) }
