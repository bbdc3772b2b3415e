package xfrmmig

import (
	"net/netip"
	"slices"
	"testing"

	"mip6d/test/testkernel"
)

// managed is a protection whose associations an IKE daemon makes.
func managed(home netip.Addr, n Number) Protection {
	return Protection{HomeAddress: home, HomeAgent: ha, Managed: &Managed{Number: n, Purposes: [...]bool{true, true, false}, Mobile: true}}
}

// negotiated are the associations that an IKE daemon would make.
func negotiated(p Protection, u Purpose, end End, careOf netip.Addr, spi uint32) []SA {
	static := protection(p.HomeAddress, spi)
	return static.associations(p.Managed.Number, u, end, careOf)
}

// Policies and associations of an IKE daemon are moved together, back to the home address
// at home; those of signalling, which are between the home address and the home agent,
// stay. A later run finds them and leaves them alone.
func TestKernelManagedAssociationsFollow(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtMobileNode)
	p := managed(hoa, 5)
	must(t, g.Protect([]Protection{p}))
	ike, err := Dial()
	must(t, err)
	defer ike.Close()
	must(t, g.SetTunnels(hoa, coa, true))
	wantEnds(t, "before there are associations", g, []netip.Addr{coa}, nil)
	for _, s := range append(negotiated(p, ForSignalling, AtMobileNode, coa, 300), negotiated(p, ForTests, AtMobileNode, coa, 302)...) {
		must(t, ike.setSA(s))
	}
	must(t, g.SetTunnels(hoa, moved, true))
	wantEnds(t, "moved", g, []netip.Addr{moved}, []netip.Addr{moved})

	again := openGuard(t, AtMobileNode)
	must(t, again.Protect([]Protection{p}))
	wantEnds(t, "found", again, []netip.Addr{moved}, []netip.Addr{moved})
	must(t, again.ClearTunnels(hoa))
	wantEnds(t, "at home", again, nil, []netip.Addr{hoa})
	must(t, again.SetTunnels(hoa, moved, true))
	wantEnds(t, "away again", again, []netip.Addr{moved}, []netip.Addr{moved})
	sas, err := ike.SAs()
	must(t, err)
	if n := len(slices.DeleteFunc(sas, func(s UsedSA) bool { return s.Mode != Transport || s.Src != hoa && s.Dst != hoa })); n != 2 {
		t.Errorf("%d associations of signalling, want 2", n)
	}
}

// One that does not follow makes new associations: policies go alone.
func TestKernelManagedWithoutMobility(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtHomeAgent)
	p := managed(hoa, 5)
	must(t, g.Protect([]Protection{p}))
	must(t, g.SetTunnels(hoa, coa, false))
	for _, s := range negotiated(p, ForTests, AtHomeAgent, coa, 302) {
		must(t, g.conn.setSA(s))
	}
	must(t, g.SetTunnels(hoa, moved, false))
	wantEnds(t, "the peer's does not follow", g, []netip.Addr{moved}, []netip.Addr{coa})
}

// Where policies were taken away there is nothing to migrate; they are set anew.
func TestKernelManagedPoliciesComeBack(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtMobileNode)
	p := managed(hoa, 5)
	must(t, g.Protect([]Protection{p}))
	must(t, g.SetTunnels(hoa, coa, true))
	for _, policy := range p.policies(5, ForTests, AtMobileNode, coa) {
		must(t, g.conn.DeletePolicy(policy))
	}
	must(t, g.SetTunnels(hoa, moved, true))
	wantEnds(t, "set anew", g, []netip.Addr{moved}, nil)
}

// What tells an IKE daemon where to talk from moves nothing in the kernel, and is told
// to listeners when an association of signalling has been made.
func TestKernelAnnouncementMovesNothing(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtMobileNode)
	p := managed(hoa, 5)
	must(t, g.Protect([]Protection{p}))
	must(t, g.SetTunnels(hoa, coa, true))
	list := negotiated(p, ForSignalling, AtMobileNode, coa, 300)
	for _, s := range list {
		must(t, g.conn.setSA(s))
	}
	for _, s := range append(list, negotiated(managed(hoa, 6), ForSignalling, AtMobileNode, coa, 300)...) {
		home, err := g.Made(s)
		must(t, err)
		if sends := s.Dst == ha && s.Reqid == Number(5).Reqid(ForSignalling); home.IsValid() != sends {
			t.Errorf("%s → %s with reqid %#x is of %s", s.Src, s.Dst, s.Reqid, home)
		}
	}
	sas, err := g.conn.SAs()
	must(t, err)
	for _, s := range list {
		if !slices.ContainsFunc(sas, func(x UsedSA) bool { return x.same(s) }) {
			t.Errorf("lost: %+v", s)
		}
	}
}

// Its old and new end points are no association's, and say nothing of where IKE is.
func TestAnnouncement(t *testing.T) {
	p := managed(hoa, 5)
	for _, c := range []struct{ from, to, at netip.Addr }{{hoa, coa, coa}, {coa, moved, moved}, {coa, hoa, coa}} {
		for _, end := range []End{AtHomeAgent, AtMobileNode} {
			m := p.announcement(5, end, c.from, c.to)
			e := Endpoints{Src: c.at, Dst: ha}
			if m.Old != e || m.New != e || m.Mode != Transport || m.Dir != Out || m.Reqid != 0x62750014 {
				t.Errorf("%s → %s: %+v", c.from, c.to, m)
			}
			// struct xfrm_user_migrate is the last of the message: mode at 65 of 76.
			if b := m.encode(); b[len(b)-76+65] != 0 {
				t.Errorf("mode %d", b[len(b)-76+65])
			}
			k := p.keyManager(end, c.to)
			if mobile := end == AtMobileNode; mobile && k != (KeyManager{c.to, ha}) || !mobile && k != (KeyManager{ha, c.to}) {
				t.Errorf("IKE is at %+v", k)
			}
		}
	}
}

// Numbers that are given are kept from home addresses whose keys are static.
func TestNumbersAreGiven(t *testing.T) {
	g := &Guard{end: AtHomeAgent}
	static := protection(hoa, 300)
	got := g.number([]Protection{static, managed(hoa.Next(), 0)}, new(found))
	if got[hoa] != 1 || got[hoa.Next()] != 0 {
		t.Errorf("%v", got)
	}
}
