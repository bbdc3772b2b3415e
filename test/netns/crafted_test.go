package netns

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/internal/rr"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// crafter is a host that makes a mobile node's messages to the correspondent by
// hand, with two addresses of its own.
type crafter struct {
	t            *testing.T
	sock         *mhsock.MH
	wire         *capture.Capture
	home, careOf netip.Addr
	kbm          [20]byte
	nonces       mh.NonceIndices
}

func newCrafter(t *testing.T, topo *topology.Topology) *crafter {
	t.Helper()
	c := &crafter{t: t, home: hostOnForeign1, careOf: hostOnForeign1.Next()}
	host, err := topo.AddHost("crafter", topology.Foreign1, c.home)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.AddAddress("eth0", netip.PrefixFrom(c.careOf, 64)); err != nil {
		t.Fatal(err)
	}
	if c.wire, err = capture.Start(host, "eth0", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.wire.Close() })
	if err := host.Do(func() (err error) { c.sock, err = mhsock.ListenMH(nil, nil); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.sock.Close() })
	return c
}

// send sends a message and returns the answer of a type.
func (c *crafter) send(s role.Send, from netip.Addr, answer uint8) []byte {
	c.t.Helper()
	s.Dst = topology.CNAddr
	mh.SetChecksum(s.Raw, from, s.Dst)
	since := time.Now()
	if err := c.sock.Send(s); err != nil {
		c.t.Fatal(err)
	}
	p, err := c.wire.Wait(within(c.t, 3*time.Second), since, received(capture.MH(answer)))
	if err != nil {
		c.t.Fatalf("no answer of type %d: %v", answer, err)
	}
	return p.IP.Payload
}

func (c *crafter) marshal(m mh.Message) []byte {
	c.t.Helper()
	raw, err := mh.Marshal(m)
	if err != nil {
		c.t.Fatal(err)
	}
	return raw
}

// test does return routability, whose answers it reads byte by byte.
func (c *crafter) test() {
	c.t.Helper()
	hot := c.send(role.Send{Src: c.home, Raw: c.marshal(&mh.HomeTestInit{Cookie: [8]byte{1}})}, c.home, capture.MHHomeTest)
	cot := c.send(role.Send{Src: c.careOf, Raw: c.marshal(&mh.CareOfTestInit{Cookie: [8]byte{2}})}, c.careOf, capture.MHCareOfTest)
	if hot[8] != 1 || cot[8] != 2 {
		c.t.Fatalf("cookies %x and %x", hot[8:16], cot[8:16])
	}
	c.kbm = rr.Kbm(rr.Token(hot[16:24]), rr.Token(cot[16:24]))
	c.nonces = mh.NonceIndices{Home: binary.BigEndian.Uint16(hot[6:]), CareOf: binary.BigEndian.Uint16(cot[6:])}
}

// update sends a Binding Update and returns the acknowledgement's status and
// sequence number.
func (c *crafter) update(sequence uint16) (status uint8, answered uint16) {
	c.t.Helper()
	bu := &mh.BindingUpdate{Sequence: sequence, Ack: true, Lifetime: 400 * time.Second}
	bu.Options = mh.Options{c.nonces, mh.BindingAuthorizationData{}}
	raw := c.marshal(bu)
	mac := rr.Authenticator(c.kbm[:], c.careOf, topology.CNAddr, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	ba := c.send(role.Send{Src: c.careOf, HomeAddress: c.home, Raw: raw}, c.home, capture.MHBindingAcknowledgement)
	return ba[6], binary.BigEndian.Uint16(ba[8:])
}

// TestKernelSequenceNumberWrapsAround: 0 follows 65535 (RFC 6275 §9.5.1), and what
// came before is old. Nonces that the correspondent does not know are told apart.
//
// Requirements: 6275-9.4.3-1, 6275-9.4.4-1, 6275-9.5.1-3, 6275-9.5.1-10, 6275-9.5.1-12
func TestKernelSequenceNumberWrapsAround(t *testing.T) {
	topo := topology.New(t, topology.Config{Unplug: true})
	cn := daemon.New(t, topo.CN, daemon.Correspondent())
	c := newCrafter(t, topo)
	c.test()
	for _, step := range []struct {
		send   uint16
		status mh.Status
		answer uint16
	}{
		{65534, mh.StatusAccepted, 65534},
		{65535, mh.StatusAccepted, 65535},
		{0, mh.StatusAccepted, 0},
		{65535, mh.StatusSequenceOutOfWindow, 0},
		{0, mh.StatusSequenceOutOfWindow, 0},
		{1, mh.StatusAccepted, 1},
		{32770, mh.StatusSequenceOutOfWindow, 1},
	} {
		status, answer := c.update(step.send)
		if mh.Status(status) != step.status || answer != step.answer {
			t.Errorf("sequence number %d: answered %d with %d, want %d with %d", step.send, status, answer, step.status, step.answer)
		}
	}
	good := c.nonces
	for _, step := range []struct {
		nonces mh.NonceIndices
		status mh.Status
	}{
		{mh.NonceIndices{Home: good.Home + 100, CareOf: good.CareOf}, mh.StatusExpiredHomeNonce},
		{mh.NonceIndices{Home: good.Home, CareOf: good.CareOf + 100}, mh.StatusExpiredCareOfNonce},
		{mh.NonceIndices{Home: good.Home + 100, CareOf: good.CareOf + 100}, mh.StatusExpiredNonces},
	} {
		c.nonces = step.nonces
		if status, _ := c.update(2); mh.Status(status) != step.status {
			t.Errorf("nonces %+v of %+v: answered %d, want %d", step.nonces, good, status, step.status)
		}
	}
	c.nonces = good
	if err := cn.Stop(); err != nil {
		t.Fatal(err)
	}
	if out, err := topo.CN.Run(t.Context(), "ip", "-6", "xfrm", "policy"); err != nil || strings.Contains(out, c.home.String()) {
		t.Errorf("a binding outlives its keeper: %s %v", out, err)
	}
}
