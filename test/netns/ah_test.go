package netns

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// protoAH is the Authentication Header (RFC 4302).
const protoAH = 51

// AH between a mobile node and its correspondent on the direct path: the ICV is computed
// here anew from what is on the wire, as if the home address were the source of what has a
// Home Address option, and as what has a type 2 routing header is when it has been processed.
//
// Requirements: 6275-6.3-6, 6275-8.5-2, 6275-9.3.1-7, 6275-9.3.2-4, 6275-11.3.2-1, 6275-11.3.2-2
func TestKernelAuthenticationHeaderOnADirectPath(t *testing.T) {
	w, _ := newROWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	start := time.Now()
	fromCN := w.pingMN(t)
	w.direct(t, start, 10*time.Second)
	coa := w.careOf(t, time.Time{})
	key := []byte("twenty bytes of key!")
	for _, n := range []*node.Node{w.MN, w.CN} {
		out, in := topology.HoA.String(), topology.CNAddr.String()
		if n == w.CN {
			out, in = in, out
		}
		for _, c := range [][]string{
			{"state", "add", "src", out, "dst", in, "proto", "ah", "spi", "0x1001", "mode", "transport", "auth", "hmac(sha1)", "0x" + hex.EncodeToString(key)},
			{"state", "add", "src", in, "dst", out, "proto", "ah", "spi", "0x1001", "mode", "transport", "auth", "hmac(sha1)", "0x" + hex.EncodeToString(key)},
			{"policy", "add", "src", out, "dst", in, "dir", "out", "tmpl", "src", out, "dst", in, "proto", "ah", "mode", "transport"},
			{"policy", "add", "src", in, "dst", out, "dir", "in", "tmpl", "src", in, "dst", out, "proto", "ah", "mode", "transport"},
		} {
			if text, err := n.Run(t.Context(), "ip", append([]string{"xfrm"}, c...)...); err != nil {
				t.Fatalf("%v: %v\n%s", c, err, text)
			}
		}
	}
	since := time.Now()
	answered(t, fromCN, since.Add(100*time.Millisecond), 5*time.Second)
	time.Sleep(500 * time.Millisecond)
	seen := map[bool]int{}
	for _, p := range w.wire.Select(since, func(p capture.Packet) bool { return p.IP != nil && p.IP.Proto == protoAH }) {
		ip := p.IP
		if p.Out && (ip.Src != coa || ip.HomeAddress != topology.HoA) || !p.Out && (ip.Dst != coa || ip.RoutingHome != topology.HoA) {
			t.Fatalf("AH on another than the direct path: %+v", ip)
		}
		if got, want := icv(t, p.Frame[14:], p.Out, key); !bytes.Equal(got, want) {
			t.Fatalf("out %v: ICV %x, want %x, in %x", p.Out, got, want, p.Frame)
		}
		seen[p.Out]++
	}
	if seen[true] == 0 || seen[false] == 0 {
		t.Errorf("%d packets with AH out, %d in", seen[true], seen[false])
	}
}

// icv returns that of a packet IPv6 | Destination Options or routing header | AH, and what
// it should be (RFC 4302 §3.3.3.1.2, RFC 6275 §9.3.1, §9.3.2).
func icv(t *testing.T, packet []byte, out bool, key []byte) (got, want []byte) {
	t.Helper()
	const header, addr = 40, 16
	b := bytes.Clone(packet)
	ah := header + (int(b[header+1])+1)*8
	at := header + 8 // of a type 2 routing header's address
	end := 24        // of the IPv6 header: the address that is swapped
	if out {
		at = header + bytes.Index(b[header:ah], []byte{0xc9, addr}) + 2
		end = 8
	} else {
		b[header+3] = 0 // Segments Left
	}
	if netip.AddrFrom16([addr]byte(b[at:at+addr])) != topology.HoA {
		t.Fatalf("no home address where it is expected: %x", packet)
	}
	var swap [addr]byte
	copy(swap[:], b[at:])
	copy(b[at:at+addr], b[end:])
	copy(b[end:], swap[:])
	b[0], b[1], b[2], b[3], b[7] = 0x60, 0, 0, 0, 0 // Traffic Class, Flow Label, Hop Limit
	const fixed, size = 12, 12                      // of AH, and of HMAC-SHA1-96
	got = bytes.Clone(b[ah+fixed : ah+fixed+size])
	clear(b[ah+fixed : ah+fixed+size])
	mac := hmac.New(sha1.New, key)
	mac.Write(b)
	return got, mac.Sum(nil)[:size]
}
