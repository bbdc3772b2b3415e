package demo

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// notification builds an RTM_NEWADDR as the kernel sends it.
func notification(msgFlags uint16, ifindex, flags uint32) []byte {
	addr := netip.MustParseAddr("2001:db8:f1::11").As16()
	body := []byte{unix.AF_INET6, 64, byte(flags), 0}
	body = binary.NativeEndian.AppendUint32(body, ifindex)
	body = binary.NativeEndian.AppendUint16(body, 20)
	body = binary.NativeEndian.AppendUint16(body, unix.IFA_ADDRESS)
	body = append(body, addr[:]...)
	body = binary.NativeEndian.AppendUint16(body, 8)
	body = binary.NativeEndian.AppendUint16(body, unix.IFA_FLAGS)
	body = binary.NativeEndian.AppendUint32(body, flags)
	m := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	m = binary.NativeEndian.AppendUint16(m, unix.RTM_NEWADDR)
	m = binary.NativeEndian.AppendUint16(m, msgFlags)
	m = append(m, make([]byte, 8)...)
	return append(m, body...)
}

func TestUsable(t *testing.T) {
	w := &addressWatch{ifindex: 3}
	for _, tt := range []struct {
		name    string
		message []byte
		want    bool
	}{
		{"preferred", notification(0, 3, unix.IFA_F_PERMANENT), true},
		{"tentative", notification(0, 3, unix.IFA_F_TENTATIVE), false},
		{"optimistic, flags 0x244", notification(0, 3, 0x244), true},
		{"duplicate", notification(0, 3, unix.IFA_F_DADFAILED|unix.IFA_F_PERMANENT), false},
		{"another interface", notification(0, 4, unix.IFA_F_PERMANENT), false},
		{"the request for it", notification(unix.NLM_F_REQUEST, 3, 0x244), false},
		{"cut off", notification(0, 3, unix.IFA_F_PERMANENT)[:30], false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.usable(tt.message).IsValid(); got != tt.want {
				t.Errorf("usable: %v, want %v", got, tt.want)
			}
		})
	}
	for n := range 64 { // no length may panic
		w.usable(notification(0, 3, 0)[:min(n, len(notification(0, 3, 0)))])
	}
}
