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
	hoa   = netip.MustParseAddr("2001:db8:1::100")
	hoaB  = netip.MustParseAddr("2001:db8:1::200")
	coa   = netip.MustParseAddr("2001:db8:f1::100")
	local = netip.MustParseAddr("2001:db8:1::1")
	key   = []byte("0123456789abcdef")
)

const spi = 256

// ours is a Binding Update of a mobile node's own, protected by RFC 4285.
func ours(t testing.TB, seq uint16, change ...func(*mh.BindingUpdate, *role.MessageIn)) role.MessageIn {
	t.Helper()
	bu := &mh.BindingUpdate{Sequence: seq, Ack: true, Home: true, Lifetime: 600 * time.Second}
	in := role.MessageIn{Src: coa, Dst: local, HomeAddress: hoa}
	for _, c := range change {
		c(bu, &in)
	}
	careOf := in.Src
	if alt, ok := mh.Find[mh.AlternateCareOfAddress](bu.Options); ok {
		careOf = alt.CareOf
	}
	bu.Options = append(bu.Options, mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: spi, Authenticator: make([]byte, rr.AuthenticatorLen)})
	raw, err := mh.Marshal(bu)
	if err != nil {
		t.Fatal(err)
	}
	mac := rr.MNHA(key, careOf, in.HomeAddress, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	in.Raw = raw
	return in
}

func byOption(careOf netip.Addr) func(*mh.BindingUpdate, *role.MessageIn) {
	return func(bu *mh.BindingUpdate, _ *role.MessageIn) {
		bu.Options = append(bu.Options, mh.AlternateCareOfAddress{CareOf: careOf})
	}
}

func forged(t testing.TB, seq uint16) role.MessageIn {
	in := ours(t, seq)
	in.Raw[len(in.Raw)-1] ^= 1
	return in
}

// newAgent knows two mobile nodes, of which one is bound by its Binding Update 10.
func newAgent() (*HomeAgent, map[role.Counter]int) {
	counts := make(map[role.Counter]int)
	h := NewHomeAgent(func(c role.Counter) { counts[c]++ })
	h.Configure(keys(map[netip.Addr]Key{hoa: {SPI: spi, Key: key}, hoaB: {SPI: spi, Key: key, SA: 7}}), false)
	h.Registered(hoa, 10)
	return h, counts
}

func TestWhomAHomeAgentServesFirst(t *testing.T) {
	other := func(home netip.Addr) func(*mh.BindingUpdate, *role.MessageIn) {
		return func(_ *mh.BindingUpdate, in *role.MessageIn) { in.HomeAddress = home }
	}
	through := func(sa uint32) func(*mh.BindingUpdate, *role.MessageIn) {
		return func(_ *mh.BindingUpdate, in *role.MessageIn) { in.HomeAddress, in.SA = hoaB, sa }
	}
	short := ours(t, 11)
	short.Raw = short.Raw[:11]
	test := ours(t, 11)
	test.Raw[2] = byte(mh.TypeHomeTestInit)
	for name, c := range map[string]struct {
		ev   role.Event
		want engine.Class
	}{
		"a refresh":                         {ours(t, 11), engine.ClassKnown},
		"a move, by an alternate address":   {ours(t, 11, byOption(netip.MustParseAddr("2001:db8:f2::1"))), engine.ClassKnown},
		"a de-registration":                 {ours(t, 11, func(bu *mh.BindingUpdate, _ *role.MessageIn) { bu.Lifetime = 0 }), engine.ClassKnown},
		"a replay":                          {ours(t, 10), engine.ClassStranger},
		"a sequence number out of window":   {ours(t, 10+1<<15+1), engine.ClassStranger},
		"a forgery":                         {forged(t, 11), engine.ClassStranger},
		"a home address nobody has":         {ours(t, 11, other(netip.MustParseAddr("2001:db8:1::999"))), engine.ClassStranger},
		"a first registration":              {ours(t, 1, through(7)), engine.ClassOther},
		"one past its security association": {ours(t, 1, through(6)), engine.ClassStranger},
		"too short":                         {short, engine.ClassStranger},
		"another message":                   {test, engine.ClassStranger},
		"no Mobility Header":                {role.ICMPIn{}, engine.ClassOther},
	} {
		h, _ := newAgent()
		if got := h.Classify(t0, c.ev); got != c.want {
			t.Errorf("%s: class %d, want %d", name, got, c.want)
		}
	}
}

// TestWithoutAuthentication: who has a binding is served first all the same, as far as one
// can tell, and a flood of made-up home addresses is remembered nowhere.
func TestWithoutAuthentication(t *testing.T) {
	h := NewHomeAgent(func(role.Counter) {})
	h.Configure(keys(nil), true)
	h.Registered(hoa, 10)
	if got := h.Classify(t0, ours(t, 11)); got != engine.ClassKnown {
		t.Errorf("who is bound: class %d", got)
	}
	if got := h.Classify(t0, ours(t, 9)); got != engine.ClassStranger {
		t.Errorf("a replay: class %d", got)
	}
	home := hoaB
	for range 1000 {
		home = home.Next()
		in := ours(t, 1, func(_ *mh.BindingUpdate, in *role.MessageIn) { in.HomeAddress = home })
		if got := h.Classify(t0, in); got != engine.ClassOther {
			t.Fatalf("who is not bound: class %d", got)
		}
	}
	h.Ended(hoa)
	if len(h.nodes) != 0 {
		t.Errorf("%d nodes are remembered", len(h.nodes))
	}
}

// TestAuthenticFloodHasNoMoreThanItsBudget: one mobile node's own flood takes nothing from
// the others, also when it ends its binding in between.
func TestAuthenticFloodHasNoMoreThanItsBudget(t *testing.T) {
	h, counts := newAgent()
	known := 0
	for seq := uint16(11); seq < 1011; seq++ {
		if h.Classify(t0, ours(t, seq)) != engine.ClassStranger {
			known++
			h.Registered(hoa, seq)
		}
		if seq%100 == 0 {
			h.Ended(hoa)
			h.Registered(hoa, seq)
		}
	}
	if known != burst || counts[role.CountOverBudget] != 1000-burst {
		t.Errorf("%d served first, %d counted over the budget", known, counts[role.CountOverBudget])
	}
	if got := h.Classify(t0, ours(t, 1, func(_ *mh.BindingUpdate, in *role.MessageIn) { in.HomeAddress, in.SA = hoaB, 7 })); got != engine.ClassOther {
		t.Errorf("another mobile node's: class %d", got)
	}
	if got := h.Classify(t0.Add(time.Second), ours(t, 1011)); got != engine.ClassKnown {
		t.Errorf("a second later: class %d", got)
	}
}

// TestReconfiguredKeysCount from the next message on, and who is configured no more and not
// bound is forgotten.
func TestReconfiguredKeysCount(t *testing.T) {
	h, _ := newAgent()
	h.Configure(keys(map[netip.Addr]Key{hoaB: {SPI: spi, Key: key}}), false)
	if got := h.Classify(t0, ours(t, 11)); got != engine.ClassStranger {
		t.Errorf("class %d for one without a key", got)
	}
	h.Ended(hoa)
	if len(h.nodes) != 0 {
		t.Errorf("%d nodes are remembered", len(h.nodes))
	}
}

// BenchmarkClassify is what is spent on a message in a flood.
func BenchmarkClassify(b *testing.B) {
	h, _ := newAgent()
	for name, in := range map[string]role.MessageIn{
		"unknown": ours(b, 11, func(_ *mh.BindingUpdate, in *role.MessageIn) { in.HomeAddress = coa }),
		"replay":  ours(b, 10), "forged": forged(b, 11), "authentic": ours(b, 11),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.Classify(t0, in)
			}
		})
	}
}

func keys(m map[netip.Addr]Key) Keys {
	return func(home netip.Addr) (Key, bool) {
		k, ok := m[home]
		return k, ok
	}
}
