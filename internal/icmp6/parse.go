package icmp6

import (
	"bytes"
	"fmt"
	"net/netip"
)

// headerLen is Type, Code and Checksum.
const headerLen = 4

// ParseError says why a message was not accepted. The answer is always silence.
type ParseError struct {
	Offset int    // where in the message
	Text   string // what is wrong
}

// Error says what is wrong and where.
func (e *ParseError) Error() string {
	return fmt.Sprintf("ICMPv6 message, octet %d: %s", e.Offset, e.Text)
}

func malformed(offset int, format string, args ...any) error {
	return &ParseError{offset, fmt.Sprintf(format, args...)}
}

// Parse reads one ICMPv6 message, from its Type field to its end. It does not
// look at the checksum (ChecksumOK) nor at the IPv6 header (ValidND). The error
// is always a *ParseError.
func Parse(b []byte) (Message, error) {
	if len(b) < headerLen {
		return nil, malformed(0, "%d octets are too few for any message", len(b))
	}
	m := newMessage(Type(b[0]))
	if m == nil {
		return nil, malformed(0, "unknown %s", Type(b[0]))
	}
	rest := headerLen + m.bodyLen()
	if len(b) < rest {
		return nil, malformed(len(b), "a %s has at least %d octets", m.Type(), rest)
	}
	h := m.Base()
	h.Code, h.Checksum = b[1], be.Uint16(b[2:])
	m.parseBody(b[headerLen:])
	var err error
	switch m := m.(type) {
	case errorMessage:
		*m.invoking() = bytes.Clone(b[rest:])
	case *HomeAgentDiscoveryReply:
		m.HomeAgents, err = parseAddrs(b, rest)
	default:
		h.Options, err = parseOptions(b, rest)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

func parseAddrs(b []byte, at int) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for ; at < len(b); at += 16 {
		if len(b)-at < 16 {
			return nil, malformed(at, "the last home agent address is cut off")
		}
		addrs = append(addrs, addr(b[at:]))
	}
	return addrs, nil
}

func parseOptions(b []byte, at int) (Options, error) {
	var opts Options
	for at < len(b) {
		if len(b)-at < 2 {
			return nil, malformed(at, "an option is cut off")
		}
		t, n := OptionType(b[at]), int(b[at+1])*8
		if n == 0 {
			return nil, malformed(at, "the %s option has length 0", t)
		}
		if at+n > len(b) {
			return nil, malformed(at, "the %s option ends %d octets behind the message", t, at+n-len(b))
		}
		opts = append(opts, parseOption(t, b[at+2:at+n]))
		at += n
	}
	return opts, nil
}
