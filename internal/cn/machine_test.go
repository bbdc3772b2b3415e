package cn

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var (
	t0    = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	hoa   = netip.MustParseAddr("2001:db8:1::100")
	coa   = netip.MustParseAddr("2001:db8:f1::100")
	local = netip.MustParseAddr("2001:db8:c::1")
)

// message is one that came from coa, with a Home Address option if home is
// valid.
func message(t *testing.T, msg mh.Message, home netip.Addr) role.MessageIn {
	t.Helper()
	raw, err := mh.Marshal(msg)
	if err != nil {
		t.Fatal(err)
	}
	from := coa
	if home.IsValid() {
		from = home
	}
	mh.SetChecksum(raw, from, local)
	return role.MessageIn{Src: coa, Dst: local, HomeAddress: home, Raw: raw}
}

// run returns what was sent and what was counted.
func run(m *Machine, ev role.Event) (sent []role.Send, counted []role.Counter) {
	for _, e := range m.Step(t0, ev) {
		switch e := e.(type) {
		case role.Send:
			sent = append(sent, e)
		case role.Count:
			counted = append(counted, e.Counter)
		}
	}
	return sent, counted
}

func TestRFC6275_10_3_1_HomeRegistrationIsNotSupported(t *testing.T) {
	sent, _ := run(New(), message(t, &mh.BindingUpdate{Sequence: 9, Home: true, Ack: true, Lifetime: time.Minute}, hoa))
	if len(sent) != 1 || sent[0].Dst != coa || sent[0].RoutingHome != hoa || sent[0].Src != local {
		t.Fatalf("sent %+v", sent)
	}
	if !mh.ChecksumOK(sent[0].Raw, local, hoa) {
		t.Error("the checksum is not over the home address")
	}
	msg, err := mh.Parse(sent[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	if ba, ok := msg.(*mh.BindingAcknowledgement); !ok || ba.Status != 131 || ba.Sequence != 9 {
		t.Errorf("answered %+v", msg)
	}
}

func TestRFC6275_9_2_UnknownTypeGetsABindingError(t *testing.T) {
	raw := []byte{59, 0, 77, 0, 0, 0, 0, 0}
	mh.SetChecksum(raw, hoa, local)
	sent, _ := run(New(), role.MessageIn{Src: coa, Dst: local, HomeAddress: hoa, Raw: raw})
	if len(sent) != 1 || sent[0].Dst != coa || sent[0].RoutingHome.IsValid() {
		t.Fatalf("sent %+v", sent)
	}
	msg, err := mh.Parse(sent[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	if be, ok := msg.(*mh.BindingError); !ok || be.Status != mh.ErrorUnknownType || be.HomeAddress != hoa {
		t.Errorf("answered %+v", msg)
	}
}

func TestWhatIsNotOfferedIsSilence(t *testing.T) {
	bad := message(t, &mh.BindingUpdate{Home: true, Lifetime: time.Minute}, hoa)
	bad.Raw[4] ^= 1
	group := message(t, &mh.BindingUpdate{Home: true, Lifetime: time.Minute}, hoa)
	group.Src = netip.MustParseAddr("ff02::1")
	cut := message(t, &mh.BindingUpdate{Lifetime: time.Minute, Home: true}, hoa)
	cut.Raw = append(cut.Raw[:12:12], 3, 16, 0, 0) // an option that goes on behind the end
	mh.SetChecksum(cut.Raw, hoa, local)
	for _, c := range []struct {
		name string
		ev   role.MessageIn
		want role.Counter
	}{
		{"bad checksum", bad, role.CountBadChecksum},
		{"Home Test Init", message(t, &mh.HomeTestInit{}, netip.Addr{}), role.CountNotForUs},
		{"Binding Update without H", message(t, &mh.BindingUpdate{Lifetime: time.Minute}, hoa), role.CountNotForUs},
		{"cut off", cut, role.CountMalformed},
		{"from a group", group, role.CountRefused},
	} {
		sent, counted := run(New(), c.ev)
		if len(sent) != 0 || len(counted) != 1 || counted[0] != c.want {
			t.Errorf("%s: sent %v, counted %v", c.name, sent, counted)
		}
	}
}

func TestRFC6275_9_3_3_AnswersAreLimitedInRate(t *testing.T) {
	m, n := New(), 0
	for range 100 {
		sent, _ := run(m, message(t, &mh.BindingUpdate{Home: true, Lifetime: time.Minute}, hoa))
		n += len(sent)
	}
	if n != maxAnswers {
		t.Errorf("%d answers in one moment, want %d", n, maxAnswers)
	}
	if !m.Deadline().IsZero() {
		t.Error("waits for something")
	}
}
