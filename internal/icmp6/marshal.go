package icmp6

import "fmt"

// Marshal writes a message. The checksum is the message's Checksum field: zero
// in a new message, to be filled in with SetChecksum or by the kernel. It fails
// where an option's data do not fill whole units of eight octets.
func Marshal(m Message) ([]byte, error) {
	h := m.Base()
	b := make([]byte, headerLen+m.bodyLen(), 128)
	b[0], b[1] = byte(m.Type()), h.Code
	be.PutUint16(b[2:], h.Checksum)
	m.putBody(b[headerLen:])
	switch m := m.(type) {
	case errorMessage:
		return append(b, *m.invoking()...), nil
	case *HomeAgentDiscoveryReply:
		for _, a := range m.HomeAgents {
			a16 := a.As16()
			b = append(b, a16[:]...)
		}
		return b, nil
	}
	for _, o := range h.Options {
		at := len(b)
		b = o.data(append(b, byte(o.OptionType()), 0))
		n := len(b) - at
		if n%8 != 0 || n > 255*8 {
			return nil, fmt.Errorf("marshal %s: the %s option has %d octets, not a multiple of 8 up to 2040",
				m.Type(), o.OptionType(), n)
		}
		b[at+1] = byte(n / 8)
	}
	return b, nil
}
