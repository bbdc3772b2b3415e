package mn

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

var (
	cn      = netip.MustParseAddr("2001:db8:cc::2")
	cn2     = netip.MustParseAddr("2001:db8:cc::3")
	toCN    = role.Pair{Local: hoa.Addr(), Peer: cn}
	cnNonce = func() rr.Nonce {
		var n rr.Nonces
		n.Renew(rr.Random{7, 20: 9, 28: 0x11, 29: 0x22})
		got, _ := n.Current(t0)
		return got
	}()
)

// roBed is a bed of a mobile node that is away at coaA and registered, with a
// correspondent that answers when it is told to.
type roBed struct{ *bed }

func newROBed(t *testing.T, change ...func(*Params)) roBed {
	t.Helper()
	p := defaultParams()
	p.Optimization.Policy.Default = true
	for _, c := range change {
		c(&p)
	}
	b := roBed{started(t, p)}
	b.step(up(eth))
	b.step(ra(eth, routerA, netA))
	b.ack(mh.StatusAccepted)
	return b
}

// sentTo returns what was sent to the correspondent in the last step, parsed.
func (b roBed) sentTo(addr netip.Addr) (sends []role.Send, messages []mh.Message) {
	b.t.Helper()
	for _, e := range b.effects {
		s, ok := e.(role.Send)
		if !ok || s.Dst != addr {
			continue
		}
		msg, err := mh.Parse(s.Raw)
		if err != nil {
			b.t.Fatal(err)
		}
		sends, messages = append(sends, s), append(messages, msg)
	}
	return sends, messages
}

// types of what was sent to the correspondent in the last step.
func (b roBed) types() (list []mh.Type) {
	_, messages := b.sentTo(cn)
	for _, m := range messages {
		list = append(list, m.Type())
	}
	return list
}

// answers are those of the correspondent to what was sent in the last step.
func (b roBed) answers() (events []role.Event) {
	b.t.Helper()
	sends, messages := b.sentTo(cn)
	for i, msg := range messages {
		events = append(events, answerOf(b.t, sends[i], msg)...)
	}
	return events
}

// answerOf is what a correspondent node says to a message.
func answerOf(t *testing.T, s role.Send, msg mh.Message) []role.Event {
	t.Helper()
	switch msg := msg.(type) {
	case *mh.HomeTestInit:
		return []role.Event{hot(t, msg.Cookie, s.Src == hoa.Addr())}
	case *mh.CareOfTestInit:
		return []role.Event{cot(t, msg.Cookie, s.Src)}
	case *mh.BindingUpdate:
		return []role.Event{peerBA(t, s, msg, mh.StatusAccepted)}
	}
	return nil
}

func hot(t *testing.T, cookie [8]byte, tunnelled bool) role.MessageIn {
	raw := marshal(t, &mh.HomeTest{NonceIndex: cnNonce.Index, Cookie: cookie, Token: cnNonce.HomeToken(hoa.Addr())})
	mh.SetChecksum(raw, cn, hoa.Addr())
	return role.MessageIn{Src: cn, Dst: hoa.Addr(), Tunnelled: tunnelled, Raw: raw}
}

func cot(t *testing.T, cookie [8]byte, careOf netip.Addr) role.MessageIn {
	raw := marshal(t, &mh.CareOfTest{NonceIndex: cnNonce.Index, Cookie: cookie, Token: cnNonce.CareOfToken(careOf)})
	mh.SetChecksum(raw, cn, careOf)
	return role.MessageIn{Ifindex: eth, Src: cn, Dst: careOf, Raw: raw}
}

// kbm is what the correspondent computes for a Binding Update.
func kbm(s role.Send, bu *mh.BindingUpdate) [20]byte {
	if bu.Lifetime == 0 {
		return rr.KbmDelete(cnNonce.HomeToken(hoa.Addr()))
	}
	return rr.Kbm(cnNonce.HomeToken(hoa.Addr()), cnNonce.CareOfToken(s.Src))
}

// peerBA answers a Binding Update, authenticated.
func peerBA(t *testing.T, s role.Send, bu *mh.BindingUpdate, status mh.Status, opts ...func(*mh.BindingAcknowledgement)) role.MessageIn {
	t.Helper()
	ba := &mh.BindingAcknowledgement{Status: status, Sequence: bu.Sequence}
	if status.Accepted() {
		ba.Lifetime = bu.Lifetime
	}
	for _, o := range opts {
		o(ba)
	}
	ba.Options = append(ba.Options, mh.BindingAuthorizationData{})
	raw := marshal(t, ba)
	key := kbm(s, bu)
	mac := rr.Authenticator(key[:], careOfIn(s, bu), cn, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	return toMN(raw, s)
}

// careOfIn is the care-of address that authenticators cover.
func careOfIn(s role.Send, bu *mh.BindingUpdate) netip.Addr {
	if bu.Lifetime == 0 {
		return hoa.Addr()
	}
	return s.Src
}

// toMN sends a message back where a Binding Update came from.
func toMN(raw []byte, s role.Send) role.MessageIn {
	mh.SetChecksum(raw, cn, hoa.Addr())
	return role.MessageIn{Ifindex: eth, Src: cn, Dst: s.Src, RoutingHome: s.HomeAddress, Raw: raw}
}

// unauthenticBA answers without an authenticator.
func unauthenticBA(t *testing.T, s role.Send, bu *mh.BindingUpdate, status mh.Status) role.MessageIn {
	return toMN(marshal(t, &mh.BindingAcknowledgement{Status: status, Sequence: bu.Sequence, Lifetime: bu.Lifetime}), s)
}

// optimize has the correspondent answer until there is a direct path.
func (b roBed) optimize() {
	b.t.Helper()
	b.step(role.PeerSeen{Pair: toCN})
	b.converse()
	if v := b.view(); v.State != "direct" {
		b.t.Fatalf("the correspondent is %q", v.State)
	}
}

// converse has the correspondent answer while there is something to answer.
func (b roBed) converse() {
	for range 4 {
		if events := b.answers(); len(events) > 0 {
			b.step(events...)
		}
	}
}

func (b roBed) view() PeerView {
	b.t.Helper()
	views := b.m.Peers(b.now)
	if len(views) == 0 {
		b.t.Fatal("there is no correspondent")
	}
	return views[0]
}

// update is the Binding Update sent to the correspondent in the last step.
func (b roBed) update() (role.Send, *mh.BindingUpdate) {
	b.t.Helper()
	sends, messages := b.sentTo(cn)
	for i, m := range messages {
		if bu, ok := m.(*mh.BindingUpdate); ok {
			return sends[i], bu
		}
	}
	b.t.Fatalf("no Binding Update to the correspondent in %v", render(b.effects))
	return role.Send{}, nil
}

func (b roBed) directs() (set []role.SetDirect, cleared int) {
	for _, e := range b.effects {
		switch e := e.(type) {
		case role.SetDirect:
			set = append(set, e)
		case role.ClearDirect:
			cleared++
		}
	}
	return set, cleared
}

// move goes to another link with netB; the home agent has not answered yet.
func (b roBed) move() {
	b.step(down(eth))
	b.step(up(eth))
	b.step(ra(eth, routerB, netB))
}

// keepUsing has traffic seen every half minute.
func (b roBed) use(d time.Duration) {
	for n := uint64(1); d > 0; n++ {
		b.wait(min(d, 30*time.Second))
		d -= 30 * time.Second
		all := b.effects
		b.step(role.TrafficSeen{Pair: toCN, Traffic: role.Traffic{PacketsOut: uint64(b.now.Unix())}})
		b.effects = append(all, b.effects...)
	}
}
