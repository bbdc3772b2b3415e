package proxynd

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// What waits is sent to who advertises the address, once, and not for ever.
func TestUndelivered(t *testing.T) {
	now := time.Unix(1000, 0)
	packet := mobilityPacket(role.Send{Src: ours, Dst: hoa, Raw: []byte{59, 0, 0, 0, 1, 2, 0, 0}})
	advertised := message{from: hostMAC, src: hoa, dst: ours, target: hoa}
	asked := message{from: hostMAC, src: host, dst: hoa, target: hoa, solicit: true}
	other := message{from: hostMAC, src: host, dst: ours, target: host}
	want := hex.EncodeToString(hostMAC[:]) + hex.EncodeToString(ourMAC[:]) + "86dd" +
		"6000000000088740" + "20010db8000100000000000000000001" + "20010db8000100000000000000000101" + "3b00000001020000"

	u := make(undelivered)
	if u.take(advertised, ourMAC, now) != nil {
		t.Error("something waited in an empty list")
	}
	u.put(hoa, []byte("older"), now)
	u.put(hoa, packet, now)
	if u.take(asked, ourMAC, now) != nil || u.take(other, ourMAC, now) != nil {
		t.Error("delivered to somebody else")
	}
	if got := hex.EncodeToString(u.take(advertised, ourMAC, now.Add(undeliveredFor))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if u.take(advertised, ourMAC, now) != nil {
		t.Error("delivered twice")
	}
	u.put(hoa, packet, now)
	if u.take(advertised, ourMAC, now.Add(undeliveredFor+1)) != nil {
		t.Error("delivered too late")
	}
}

func TestUndeliveredIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	u, a := make(undelivered), netip.MustParseAddr("2001:db8:1::1000")
	for range maxUndelivered {
		if a = a.Next(); !u.put(a, nil, now) {
			t.Fatal("no room too soon")
		}
	}
	if u.put(hoa, nil, now) || len(u) != maxUndelivered {
		t.Errorf("%d wait", len(u))
	}
	if !u.put(a, nil, now) {
		t.Error("a later packet for a node that is waited for is refused")
	}
	if !u.put(hoa, nil, now.Add(undeliveredFor+1)) || len(u) != 1 {
		t.Errorf("%d wait after those of before gave up", len(u))
	}
}
