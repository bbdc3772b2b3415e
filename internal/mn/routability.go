package mn

import (
	"net/netip"
	"time"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

const (
	// maxROFailure is MAX_RO_FAILURE (RFC 6275 §12): after so many tests
	// without an answer packets go by the home agent.
	maxROFailure = 3

	// maxTests is after how many we stop asking for a while: with the back-off
	// of §11.8 that is a minute and a half of silence.
	maxTests = 7

	// tokenMargin before the end of MAX_TOKEN_LIFETIME a token counts as old,
	// so that the Binding Update made with it arrives in time.
	tokenMargin = 10 * time.Second
)

// token is a keygen token as received (§11.6.2).
type token struct {
	value rr.Token
	index uint16
	got   time.Time // zero: there is none
}

func (t *token) drop() { *t = token{} }

// fresh says whether a token may still be used (§5.2.7).
func (t *token) fresh(now time.Time) bool {
	return !t.got.IsZero() && now.Before(t.oldAt())
}

func (t *token) oldAt() time.Time { return t.got.Add(rr.MaxTokenLifetime - tokenMargin) }

// test is one half of return routability with a peer: the address that is
// tested, the token, and the test under way, if any.
type test struct {
	addr    netip.Addr
	token   token
	cookie  [8]byte
	due     time.Time // of the next transmission; zero: not under way
	backoff bul.Backoff
	rate    bul.Rate
}

func (t *test) running() bool { return !t.due.IsZero() }

func (t *test) stop() { t.due, t.backoff = time.Time{}, bul.Backoff{} }

// run says whether an address has been tested; where not, it sees to it that it
// will be. Each transmission has a cookie of its own (§11.8: MUST).
func (m *Machine) run(p *peer, t *test, addr netip.Addr) bool {
	if t.addr != addr {
		t.stop()
		t.token.drop()
		t.addr = addr
	}
	if t.token.fresh(m.now) {
		m.wait(p, t.token.oldAt())
		return true
	}
	if t.running() && t.due.After(m.now) {
		m.wait(p, t.due)
		return false
	}
	if t.backoff.Tries >= maxROFailure && !p.reverted {
		p.reverted = true
		m.keepDirect(p)
	}
	if t.backoff.Tries >= maxTests {
		m.bar(p, role.Notice{Text: "no answer to return routability"})
		m.wait(p, p.barred)
		return false
	}
	if next := t.rate.Next(m.now); next.After(m.now) {
		t.due = next
		m.wait(p, next)
		return false
	}
	if !t.running() {
		t.backoff = bul.NewBackoff(m.p.InitialBindackTimeout, m.p.MaxBindackTimeout)
	}
	m.sendTest(p, t)
	m.wait(p, t.due)
	return false
}

// sendTest sends a Home or Care-of Test Init. Neither carries a Home Address
// option; the first goes through the tunnel while away, as every packet of the
// home address does.
func (m *Machine) sendTest(p *peer, t *test) {
	copy(t.cookie[:], m.random(len(t.cookie)))
	t.token.drop()
	s := role.Send{Src: t.addr, Dst: p.addr}
	var msg mh.Message = &mh.HomeTestInit{Cookie: t.cookie}
	text := "home test init sent"
	if t == &p.careOfTest {
		s.Ifindex, msg, text = p.home.link.ifindex, &mh.CareOfTestInit{Cookie: t.cookie}, "care-of test init sent"
	}
	raw, err := mh.Marshal(msg)
	if err != nil {
		return // without options it always fits
	}
	mh.SetChecksum(raw, s.Src, s.Dst)
	s.Raw = raw
	m.emit(s)
	t.rate.Note(m.now)
	if t.backoff.Tries > 0 {
		m.count(role.CountRetransmission)
	}
	t.due = m.now.Add(t.backoff.Next())
	m.notice(role.Notice{Kind: role.NoticeTestSent, HoA: p.home.addr(), CoA: m.careOfAddr(p.home), Peer: p.addr, Text: text})
}

func (m *Machine) careOfAddr(h *home) netip.Addr {
	if h.careOf == nil {
		return netip.Addr{}
	}
	return h.careOf.addr
}

// homeTest takes a Home Test (§11.6.2). It must have come through the tunnel,
// where there is one.
func (m *Machine) homeTest(ev role.MessageIn, msg *mh.HomeTest) {
	p := m.findPeer(ev.Dst, ev.Src)
	if p == nil || !plain(ev) || ev.Tunnelled != (p.home.stage == stageAway) {
		m.count(role.CountBadTest)
		return
	}
	m.passed(p, &p.homeTest, msg.Cookie, token{msg.Token, msg.NonceIndex, m.now}, "home test passed")
}

// careOfTest takes a Care-of Test, which comes to the care-of address itself.
func (m *Machine) careOfTest(ev role.MessageIn, msg *mh.CareOfTest) {
	if !plain(ev) || ev.Tunnelled {
		m.count(role.CountBadTest)
		return
	}
	for _, p := range m.peers {
		if p.addr == ev.Src && p.careOfTest.addr == ev.Dst && p.careOfTest.running() && p.careOfTest.cookie == msg.Cookie {
			m.passed(p, &p.careOfTest, msg.Cookie, token{msg.Token, msg.NonceIndex, m.now}, "care-of test passed")
			return
		}
	}
	m.count(role.CountBadTest)
}

// plain: no extension header took part (§9.4.3, §9.4.4).
func plain(ev role.MessageIn) bool { return !ev.HomeAddress.IsValid() && !ev.RoutingHome.IsValid() }

func (m *Machine) passed(p *peer, t *test, cookie [8]byte, got token, text string) {
	if !t.running() || t.cookie != cookie {
		m.count(role.CountBadTest)
		return
	}
	t.stop()
	t.token = got
	m.count(role.CountTest)
	m.notice(role.Notice{Kind: role.NoticeTestPassed, HoA: p.home.addr(), CoA: m.careOfAddr(p.home), Peer: p.addr, Text: text})
}
