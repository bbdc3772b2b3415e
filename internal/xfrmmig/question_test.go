package xfrmmig

import (
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/testkernel"
)

const (
	msgAcquire   = 0x17
	groupAcquire = 1 // XFRMNLGRP_ACQUIRE
)

// asked is who the kernel asks for security associations.
type asked struct {
	t  *testing.T
	nl *netlink.Conn
}

// again sends a Binding Update's packet, and says whether the kernel asks because of it.
func (a asked) again(sock int) bool {
	a.t.Helper()
	_ = unix.Sendto(sock, make([]byte, 16), 0, &unix.SockaddrInet6{Addr: ha.As16()}) // it is dropped, with an error or without
	must(a.t, a.nl.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	messages, err := a.nl.Receive()
	return err == nil && len(messages) == 1 && messages[0].Header.Type == msgAcquire
}

// The kernel asks for a security association once, and after AskAgain once more. What an IKE daemon has begun to make for the other
// direction is left alone, as is what is another's.
func TestKernelIKEIsAskedAgain(t *testing.T) {
	testkernel.Namespace(t)
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"addr", "add", hoa.String(), "dev", "lo", "nodad"}, {"route", "add", ha.String(), "dev", "lo"}} {
		if out, err := exec.Command("ip", append([]string{"-6"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v %s", args, err, out)
		}
	}
	g := openGuard(t, AtMobileNode)
	other := hoa.Next()
	must(t, g.Protect([]Protection{managed(hoa, 5), managed(other, 6)}))
	nl, err := netlink.Dial(unix.NETLINK_XFRM, &netlink.Config{Groups: 1 << (groupAcquire - 1)})
	must(t, err)
	defer nl.Close()
	sock, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_MH)
	must(t, err)
	defer unix.Close(sock)
	must(t, unix.Bind(sock, &unix.SockaddrInet6{Addr: hoa.As16()}))
	ike := asked{t: t, nl: nl}

	if !ike.again(sock) {
		t.Fatal("the kernel does not ask")
	}
	if ike.again(sock) {
		t.Fatal("the kernel asks for each packet")
	}
	conn, err := Dial()
	must(t, err)
	defer conn.Close()
	begun, err := conn.name(SA{Src: ha, Dst: hoa, Mode: Transport, Reqid: Number(5).Reqid(ForSignalling)})
	must(t, err)
	must(t, g.AskAgain(other))
	if ike.again(sock) {
		t.Error("another's question was taken back")
	}
	must(t, g.AskAgain(hoa))
	if must(t, conn.getSA(begun)); !ike.again(sock) {
		t.Error("the kernel does not ask again")
	}
	must(t, g.AskAgain(netip.IPv6Unspecified())) // of nobody
	must(t, conn.Cleanup())
	if sas, err := conn.SAs(); err != nil || len(sas) > 0 {
		t.Errorf("after a cleanup: %+v, %v", sas, err)
	}
}

// Questions of what has static keys are not asked, and none is taken back.
func TestStaticKeysAreNotAskedFor(t *testing.T) {
	m := new(Model)
	g := NewModelGuard(m, AtMobileNode)
	must(t, g.Protect([]Protection{protection(hoa, 300)}))
	m.Refuse = func() error { t.Error("the kernel was asked"); return nil }
	must(t, g.AskAgain(hoa))
}
