package traffic

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/mdlayher/socket"
	"golang.org/x/sys/unix"
)

const (
	typeEchoRequest4 = 8
	typeEchoReply4   = 0
)

// open4 is open for IPv4, whose kernel neither fills in checksums nor takes the IP
// header away.
func (p *Ping) open4(src netip.Addr) error {
	conn, err := socket.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP, "ping", nil)
	if err != nil {
		return err
	}
	p.conn = conn
	return errors.Join(
		conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		conn.SetsockoptInt(unix.IPPROTO_IP, unix.IP_FREEBIND, 1),
		conn.Bind(&unix.SockaddrInet4{Addr: src.As4()}),
	)
}

// checksum4 fills in that of an ICMP message.
func checksum4(b []byte) {
	b[2], b[3] = 0, 0
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[2:], ^uint16(sum))
}

// reply4 is the echo reply in a packet, or nothing.
func reply4(b []byte) []byte {
	if len(b) < 20 || len(b) < int(b[0]&15)*4+headerLength {
		return nil
	}
	if b = b[int(b[0]&15)*4:]; b[0] != typeEchoReply4 {
		return nil
	}
	return b
}
