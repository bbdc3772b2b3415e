package netns

import (
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// Status values of RFC 6275 §6.1.8 and RFC 4285 §7, written out so that the
// product's constants are checked too.
const (
	statusAccepted  = 0
	statusDADFailed = 134
	statusSequence  = 135
	statusIDMatch   = 144
	statusAuthFail  = 146
)

// Requirements: 6275-6.1.7-11, 6275-8.4-3, 6275-8.4-4, 6275-8.5-3, 6275-10.3.1-7, 6275-10.3.1-30, 6275-10.4.5-1
// Requirements: 6275-11.3.1-4, 6275-11.3.1-10, 6275-11.3.3-2
func TestKernelFirstRegistration(t *testing.T) {
	start := time.Now()
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	if s := w.acknowledged(t, start, 10*time.Second); s != statusAccepted {
		t.Fatalf("Binding Acknowledgement with status %d", s)
	}
	bu := w.wire.Select(start, sent(capture.MH(capture.MHBindingUpdate)))[0].IP
	ba := w.wire.Select(start, received(capture.MH(capture.MHBindingAcknowledgement)))[0].IP
	coa := bu.Src
	if !topology.Foreign1Prefix.Contains(coa) || bu.Dst != topology.HAAddr || bu.HomeAddress != topology.HoA {
		t.Errorf("Binding Update %s → %s with Home Address option %s", bu.Src, bu.Dst, bu.HomeAddress)
	}
	if ba.Src != topology.HAAddr || ba.Dst != coa || ba.RoutingHome != topology.HoA {
		t.Errorf("Binding Acknowledgement %s → %s with type 2 routing header %s", ba.Src, ba.Dst, ba.RoutingHome)
	}
	fromCN, fromMN := w.pingMN(t), w.pingCN(t)
	answered(t, fromCN, time.Now(), 2*time.Second)
	answered(t, fromMN, time.Now(), 2*time.Second)
	// On the wire everything is inside a tunnel between CoA and HA.
	inside := func(p capture.Packet) bool {
		return p.IP != nil && p.IP.Inner != nil && p.IP.Inner.Src == topology.HoA && p.IP.Src == coa && p.IP.Dst == topology.HAAddr
	}
	if n := len(w.wire.Select(start, sent(inside))); n == 0 {
		t.Error("no reverse-tunnelled packet was seen")
	}
	w.noLeak(t, start)
}

// Requirements: 6275-10.3.1-12
func TestKernelDuplicateHomeAddressIsRefused(t *testing.T) {
	start := time.Now()
	w := newWorld(t, settings{
		Config: topology.Config{Start: topology.Foreign1},
		before: func(topo *topology.Topology) {
			if _, err := topo.AddHost("owner", topology.Home, topology.HoA); err != nil {
				t.Fatal(err)
			}
		},
	})
	owner := w.pingMN(t) // the CN reaches whoever has the address
	if s := w.acknowledged(t, start, 10*time.Second); s != statusDADFailed {
		t.Errorf("status %d, want 134 (Duplicate Address Detection failed)", s)
	}
	since := time.Now()
	answered(t, owner, since, 2*time.Second)
	tunnelled := func(p capture.Packet) bool { return p.IP != nil && p.IP.Inner != nil }
	if n := len(w.wire.Select(start, tunnelled)); n != 0 {
		t.Errorf("%d of the owner's packets were tunnelled to the mobile node", n)
	}
}

func TestKernelWrongKeyIsRefused(t *testing.T) {
	start := time.Now()
	cfg := daemon.MobileNode()
	cfg.Files = map[string]string{"key": "000102030405060708090a0b0c0d0e0f10111213\n"}
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, mnConfig: &cfg})
	if s := w.acknowledged(t, start, 10*time.Second); s != statusAuthFail {
		t.Errorf("status %d, want 146 (MIPV6-AUTH-FAIL)", s)
	}
	fromCN := w.pingMN(t)
	silent(t, fromCN, time.Second)
	w.noLeak(t, start)
}

// A Binding Update replayed from the link that the mobile node has left must
// not move the binding back.
//
// Requirements: 4285-6-2
func TestKernelReplayedBindingUpdate(t *testing.T) {
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}})
	w.registered(t, time.Time{}, 10*time.Second)
	attacker, err := w.AddHost("attacker", topology.Foreign1, hostOnForeign1)
	if err != nil {
		t.Fatal(err)
	}
	old := w.wire.Select(time.Time{}, sent(capture.MH(capture.MHBindingUpdate)))
	replay := old[len(old)-1].Frame
	up, err := w.Move(topology.Foreign2)
	if err != nil {
		t.Fatal(err)
	}
	w.registered(t, up, 5*time.Second)
	fromCN := w.pingMN(t)
	answered(t, fromCN, up, 2*time.Second)
	atHA, err := capture.Start(w.HA, topology.HACoreInterface, func(p capture.Packet) bool { _, mh := p.IP.MHType(); return mh })
	if err != nil {
		t.Fatal(err)
	}
	defer atHA.Close()
	since := time.Now()
	if err := capture.Inject(attacker, "eth0", replay); err != nil {
		t.Fatal(err)
	}
	if _, err := atHA.Wait(within(t, time.Second), since, received(capture.MH(capture.MHBindingUpdate))); err != nil {
		t.Fatalf("the replayed message did not reach the home agent: %v", err)
	}
	answered(t, fromCN, time.Now().Add(300*time.Millisecond), 2*time.Second)
	for _, p := range atHA.Select(since, sent(capture.MH(capture.MHBindingAcknowledgement))) {
		if s := baStatus(p.IP); s != statusSequence && s != statusIDMatch {
			t.Errorf("the replayed message was answered with status %d", s)
		}
	}
}

func TestKernelLossyLinkStillRegisters(t *testing.T) {
	start := time.Now()
	w := newWorld(t, settings{Config: topology.Config{
		Start:  topology.Foreign1,
		Impair: map[topology.Link]topology.Impairment{topology.Foreign1: {Loss: 30, Delay: 10 * time.Millisecond}},
	}})
	// Half of the round trips fail. Within four minutes the back-off of RFC 6275
	// §11.8 allows twelve attempts, and it takes one in 3,000 runs more.
	w.registered(t, start, 4*time.Minute)
	answered(t, w.pingMN(t), start, 5*time.Second)
}
