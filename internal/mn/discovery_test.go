package mn

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/icmp6"
	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	ha2     = netip.MustParseAddr("2001:db8:1::2")
	anycast = netip.MustParseAddr("2001:db8:1::fdff:ffff:ffff:fffe")
)

func seeking() Params {
	p := defaultParams()
	p.Homes[0].HomeAgent = netip.Addr{}
	return p
}

// requests are those of the last step.
func (b *bed) requests() (list []role.SendICMP) {
	for _, e := range b.effects {
		if s, ok := e.(role.SendICMP); ok {
			list = append(list, s)
		}
	}
	return list
}

// seeker is a machine at netA that has just asked.
func seeker(t *testing.T, p Params) (*bed, *icmp6.HomeAgentDiscoveryRequest) {
	t.Helper()
	b := started(t, p)
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	return b, b.request()
}

func (b *bed) request() *icmp6.HomeAgentDiscoveryRequest {
	b.t.Helper()
	list := b.requests()
	if len(list) != 1 {
		b.t.Fatalf("%d requests, want one", len(list))
	}
	msg, err := icmp6.Parse(list[0].Raw)
	if err != nil {
		b.t.Fatal(err)
	}
	return msg.(*icmp6.HomeAgentDiscoveryRequest)
}

func (b *bed) found(id uint16, agents ...netip.Addr) []string {
	b.t.Helper()
	return b.step(b.reply(id, false, agents...))
}

func (b *bed) reply(id uint16, router bool, agents ...netip.Addr) role.ICMPIn {
	raw, err := icmp6.Marshal(&icmp6.HomeAgentDiscoveryReply{Identifier: id, Router: router, HomeAgents: agents})
	if err != nil {
		b.t.Fatal(err)
	}
	return role.ICMPIn{Ifindex: eth, Src: ha2, Dst: coaA, Raw: raw}
}

func (b *bed) wantAgent(what string, want netip.Addr) {
	b.t.Helper()
	if s := b.lastBU(); s.send.Dst != want {
		b.t.Errorf("%s: Binding Update to %s, want %s", what, s.send.Dst, want)
	}
}

// RFC 6275 §11.4.1: from the care-of address to the anycast address of the home
// subnet, and the first of the answer is registered with.
//
// Requirements: 6275-8.5-14, 6275-11.4.1-1b
func TestRFC6275_11_4_1_DiscoveryAndRegistration(t *testing.T) {
	b, q := seeker(t, seeking())
	if s := b.requests()[0]; s.Src != coaA || s.Dst != anycast || s.HomeAddress.IsValid() || q.Router {
		t.Errorf("request %+v, R %v", s, q.Router)
	}
	if len(b.bus) != 0 || b.path().Mode != role.PathBlocked {
		t.Errorf("%d Binding Updates, path %v before a home agent is known", len(b.bus), b.path().Mode)
	}
	b.found(q.Identifier, ha, ha2)
	b.wantAgent("the first", ha)
	b.ack(mh.StatusAccepted)
	if v := b.m.Bindings(b.now)[0]; !v.Registered || v.HomeAgent != ha || b.path().Mode != role.PathTunnelled || b.path().HomeAgent != ha {
		t.Errorf("%+v, path %+v", v, b.path())
	}
}

// RFC 6275 §11.4.1: at most DHAAD_RETRIES retransmissions, of the same request, each
// after twice the time of the one before (MUST).
//
// Requirements: 6275-11.4.1-5, 6275-12-1
func TestRFC6275_11_4_1_Retransmission(t *testing.T) {
	b, q := seeker(t, seeking())
	for n, pause := range []time.Duration{3, 6, 12, 24} {
		b.wait(pause*time.Second - time.Millisecond)
		if len(b.requests()) != 0 {
			t.Errorf("retransmission %d: before %v s", n+1, pause)
		}
		b.wait(2 * time.Millisecond)
		if again := b.request(); again.Identifier != q.Identifier {
			t.Errorf("retransmission %d: another identifier", n+1)
		}
		b.wait(-time.Millisecond)
	}
	b.wait(47 * time.Second)
	if n := len(b.requests()); n != 0 {
		t.Errorf("%d more within 47 s", n)
	}
	b.found(q.Identifier, ha) // late, and still right
	b.wantAgent("late", ha)
}

// RFC 6275 §6.6, §11.4.1: only an answer to our request counts.
func TestRFC6275_6_6_UnsolicitedReplies(t *testing.T) {
	b, q := seeker(t, seeking())
	wrong := b.reply(q.Identifier, false, ha)
	wrong.Dst = coaB
	b.step(wrong)
	b.found(q.Identifier+1, ha)
	b.found(q.Identifier, netip.MustParseAddr("ff02::1"), hoa.Addr(), netip.MustParseAddr("fe80::1"))
	b.step(role.ICMPIn{Ifindex: eth, Src: ha2, Dst: coaA, Raw: []byte{145, 0, 0, 0, 1}})
	if len(b.bus) != 0 {
		t.Fatalf("registered with %s", b.lastBU().send.Dst)
	}
	b.found(q.Identifier) // names nobody: the sender
	b.wantAgent("an empty list", ha2)
	b.found(q.Identifier, ha)
	if len(b.bus) != 1 {
		t.Error("a second reply counts")
	}
	static := awayAt(t, defaultParams())
	static.found(q.Identifier, ha2)
	static.wait(time.Second)
	static.wantAgent("configured", ha)
}

// RFC 6275 §11.4.1: one that refuses, or is silent, gives way to the next; not
// before InitialBindackTimeoutFirstReg (MUST).
//
// Requirements: 3963-5.4.1-2, 3963-5.4.2-2, 6275-11.4.1-1, 6275-11.4.1-2, 6275-11.4.1-4, 6275-11.7.1-14
func TestRFC6275_11_4_1_TheNextHomeAgent(t *testing.T) {
	for _, status := range []mh.Status{129, 130, 131, 132, 133, 134, 140} {
		b, q := seeker(t, seeking())
		b.found(q.Identifier, ha, ha2)
		b.ack(status)
		b.wantAgent(status.String(), ha2)
	}
	b, q := seeker(t, seeking())
	b.found(q.Identifier, ha, ha2)
	first := b.lastBU().at
	b.wait(30 * time.Second)
	b.wantAgent("silence", ha2)
	tries := 0
	for _, s := range b.bus {
		if s.send.Dst == ha {
			tries++
		} else if s.at.Sub(first) < 1500*time.Millisecond {
			t.Errorf("the next after %v", s.at.Sub(first))
		}
	}
	if tries != maxAgentTries {
		t.Errorf("%d Binding Updates to the first, want %d", tries, maxAgentTries)
	}
}

// RFC 6275 §11.4.1: a new registration goes to the home agent that has the present
// one (MUST); when that has gone, to another, and with none left there is another
// search.
//
// Requirements: 6275-11.4.1-3, 6275-11.4.1-4
func TestRFC6275_11_4_1_TheHomeAgentGoes(t *testing.T) {
	b, q := seeker(t, seeking())
	b.found(q.Identifier, ha, ha2)
	b.ack(mh.StatusAccepted)
	b.move(ra(eth, routerB, netB))
	b.wantAgent("after a move", ha)
	b.wait(10 * time.Second)
	b.wantAgent("its home agent is silent", ha2)
	b.wait(20 * time.Second)
	if len(b.requests()) == 0 {
		t.Error("no search after all home agents were silent")
	}
}

// RFC 3963 §7: a mobile router asks for home agents that support it, and takes no
// others.
func TestRFC3963_7_MobileRoutersAskForTheirOwn(t *testing.T) {
	p := routerParams(false)
	p.Homes[0].HomeAgent = netip.Addr{}
	b, q := seeker(t, p)
	if !q.Router {
		t.Error("R is clear")
	}
	b.found(q.Identifier, ha)
	if len(b.bus) != 0 {
		t.Error("registered with a home agent that supports mobile hosts only")
	}
	b.step(b.reply(b.request().Identifier, true, ha))
	b.wantAgent("with R", ha)
}
