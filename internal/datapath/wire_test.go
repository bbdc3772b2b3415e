package datapath

import (
	"errors"
	"net/netip"
	"testing"

	"mip6d/internal/role"
)

// protecting changes what is sent, so that it can be told, or refuses.
type protecting struct{ err error }

func (p protecting) Send(e role.Send) (role.Send, error) {
	e.HomeAddress = netip.Addr{}
	return e, p.err
}

func (p protecting) SendICMP(e role.SendICMP) (role.SendICMP, error) {
	e.HomeAddress = netip.Addr{}
	return e, p.err
}

// sending is both sockets.
type sending struct{ mh, icmp []netip.Addr }

type sendingICMP struct{ *sending }

func (s *sending) Send(e role.Send) error {
	s.mh = append(s.mh, e.HomeAddress)
	return nil
}

func (s sendingICMP) Send(e role.SendICMP) error {
	s.icmp = append(s.icmp, e.HomeAddress)
	return nil
}

// What is to be protected is sent as the protection has it, and not at all where that
// can't be had.
func TestWireSendsWhatTheProtectionMakesOfIt(t *testing.T) {
	both := []role.Effect{role.Send{HomeAddress: a1}, role.SendICMP{HomeAddress: a1}}
	for _, c := range []struct {
		with *protecting
		want []netip.Addr
	}{
		{nil, []netip.Addr{a1}},
		{&protecting{}, []netip.Addr{{}}},
		{&protecting{errors.New("refused")}, nil},
	} {
		s := &sending{}
		w := &Wire{MH: s, ICMP: sendingICMP{s}}
		if c.with != nil {
			w.Protected = c.with
		}
		errs := w.Apply(both)
		for i, got := range [][]netip.Addr{s.mh, s.icmp} {
			if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] || (errs[i] != nil) != (c.want == nil) {
				t.Errorf("%+v: %v, %v, want %v", c.with, got, errs[i], c.want)
			}
		}
	}
}
