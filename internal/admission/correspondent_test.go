package admission

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/engine"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

var (
	coaB = netip.MustParseAddr("2001:db8:f2::100")
	pair = role.Pair{Local: local, Peer: hoa}
)

// newCorrespondent knows one mobile node, by its Binding Update 10.
func newCorrespondent() (*Correspondent, *rr.Nonces, map[role.Counter]int) {
	counts := make(map[role.Counter]int)
	c := NewCorrespondent(func(n role.Counter) { counts[n]++ })
	var nonces rr.Nonces
	nonces.Renew(rr.Random{1})
	nonces.Current(t0)
	c.Renewed(nonces)
	c.Registered(pair, coa, 10)
	return c, &nonces, counts
}

// authorized is a Binding Update by return routability; over is the address that its
// authenticator covers.
func authorized(t testing.TB, nonces *rr.Nonces, home, careOf netip.Addr, seq uint16, lifetime time.Duration, over netip.Addr) role.MessageIn {
	t.Helper()
	nonce, ok := nonces.Current(t0)
	if !ok {
		t.Fatal("no nonce")
	}
	kbm := rr.Kbm(nonce.HomeToken(home), nonce.CareOfToken(careOf))
	if lifetime == 0 {
		kbm = rr.KbmDelete(nonce.HomeToken(home))
	}
	bu := &mh.BindingUpdate{Sequence: seq, Ack: true, Lifetime: lifetime}
	bu.Options = mh.Options{mh.NonceIndices{Home: nonce.Index, CareOf: nonce.Index}, mh.BindingAuthorizationData{}}
	raw, err := mh.Marshal(bu)
	if err != nil {
		t.Fatal(err)
	}
	mac := rr.Authenticator(kbm[:], over, local, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	return role.MessageIn{Src: careOf, Dst: local, HomeAddress: home, Raw: raw}
}

func testInit(t testing.TB, msg mh.Message, from netip.Addr) role.MessageIn {
	t.Helper()
	raw, err := mh.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	return role.MessageIn{Src: from, Dst: local, Raw: raw}
}

func TestWhomACorrespondentServesFirst(t *testing.T) {
	const long = 400 * time.Second
	c, nonces, _ := newCorrespondent()
	unknown := authorized(t, nonces, hoa, coa, 11, long, coa)
	unknown.Raw[15]++ // its home nonce index
	for _, x := range []struct {
		name string
		ev   role.Event
		want engine.Class
	}{
		{"a refresh", authorized(t, nonces, hoa, coa, 11, long, coa), engine.ClassKnown},
		{"a move", authorized(t, nonces, hoa, coaB, 12, long, coaB), engine.ClassKnown},
		{"a deletion over the home address", authorized(t, nonces, hoa, coaB, 13, 0, hoa), engine.ClassKnown},
		{"a deletion over where it is", authorized(t, nonces, hoa, coaB, 14, 0, coaB), engine.ClassKnown},
		{"a replay", authorized(t, nonces, hoa, coa, 10, long, coa), engine.ClassStranger},
		{"a forgery", authorized(t, nonces, hoa, coa, 11, long, coaB), engine.ClassStranger},
		{"by an unknown nonce", unknown, engine.ClassStranger},
		{"a first one", authorized(t, nonces, hoaB, coa, 1, long, coa), engine.ClassOther},
		{"a Home Test Init of a known home address", testInit(t, &mh.HomeTestInit{}, hoa), engine.ClassKnown},
		{"a Care-of Test Init of a known care-of address", testInit(t, &mh.CareOfTestInit{}, coa), engine.ClassKnown},
		{"a Home Test Init from elsewhere", testInit(t, &mh.HomeTestInit{}, coa), engine.ClassStranger},
		{"a Care-of Test Init from elsewhere", testInit(t, &mh.CareOfTestInit{}, hoa), engine.ClassStranger},
		{"what is not for a correspondent", testInit(t, &mh.HomeTest{}, hoa), engine.ClassStranger},
		{"no Mobility Header", role.UnknownHomeAddress{}, engine.ClassOther},
	} {
		if got := c.Classify(t0, x.ev); got != x.want {
			t.Errorf("%s: class %d, want %d", x.name, got, x.want)
		}
	}
}

// TestACorrespondentRemembersNoMoreThanItsBindings, whatever comes and goes.
func TestACorrespondentRemembersNoMoreThanItsBindings(t *testing.T) {
	c, _, _ := newCorrespondent()
	other := role.Pair{Local: local, Peer: hoaB}
	c.Registered(other, coa, 1) // at the same care-of address
	c.Registered(pair, coaB, 11)
	if c.Classify(t0, testInit(t, &mh.CareOfTestInit{}, coa)) != engine.ClassKnown ||
		c.Classify(t0, testInit(t, &mh.CareOfTestInit{}, coaB)) != engine.ClassKnown {
		t.Error("a care-of address is not known")
	}
	c.Ended(other)
	if c.Classify(t0, testInit(t, &mh.CareOfTestInit{}, coa)) != engine.ClassStranger {
		t.Error("a care-of address that nobody has any more is known")
	}
	c.Ended(pair)
	c.Ended(pair) // again
	for i := range 1000 {
		c.Classify(t0, testInit(t, &mh.HomeTestInit{}, netip.AddrFrom16([16]byte{0: 0x20, 14: byte(i >> 8), 15: byte(i)})))
	}
	if len(c.peers) != 0 || len(c.careOfs) != 0 {
		t.Errorf("%d peers and %d care-of addresses are remembered", len(c.peers), len(c.careOfs))
	}
}

// TestAPeersFloodHasNoMoreThanItsBudget, for each kind of message.
func TestAPeersFloodHasNoMoreThanItsBudget(t *testing.T) {
	c, nonces, counts := newCorrespondent()
	var known [3]int
	for n := range uint16(100) {
		for i, ev := range []role.Event{
			testInit(t, &mh.HomeTestInit{}, hoa), testInit(t, &mh.CareOfTestInit{}, coa),
			authorized(t, nonces, hoa, coa, 11+n, 400*time.Second, coa),
		} {
			if c.Classify(t0, ev) == engine.ClassKnown {
				known[i]++
			}
		}
	}
	if want := [3]int{burst, burst, burst}; known != want || counts[role.CountOverBudget] != 100-burst {
		t.Errorf("served first: %v, want %v; %d counted over the budget", known, want, counts[role.CountOverBudget])
	}
}

// TestEither: with two roles the better class counts.
func TestEither(t *testing.T) {
	c, _, _ := newCorrespondent()
	h, _ := newAgent()
	both := Either(h.Classify, c.Classify)
	if got := both(t0, ours(t, 11)); got != engine.ClassKnown {
		t.Errorf("a home registration: class %d", got)
	}
	if got := both(t0, testInit(t, &mh.HomeTestInit{}, hoa)); got != engine.ClassKnown {
		t.Errorf("a Home Test Init: class %d", got)
	}
	if got := both(t0, forged(t, 11)); got != engine.ClassStranger {
		t.Errorf("a forgery: class %d", got)
	}
}
