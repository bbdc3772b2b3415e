package xfrmmig

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"mip6d/test/testkernel"
)

var moved = netip.MustParseAddr("2001:db8:f2::100")

// protection is one of all purposes, with both algorithms.
func protection(home netip.Addr, spi uint32) Protection {
	p := Protection{HomeAddress: home, HomeAgent: ha}
	key := func(n int) []byte { return []byte(strings.Repeat(string(rune('a'+spi%20)), n)) }
	for _, u := range Purposes {
		cbc := Algorithm{Name: "cbc(aes)", Key: key(16), Auth: "hmac(sha256)", AuthKey: key(32), ICV: 128}
		gcm := Algorithm{Name: "rfc4106(gcm(aes))", Key: key(20), ICV: 128}
		p.Pairs[u] = Pair{Key{spi, cbc}, Key{spi + 1, gcm}}
		spi += 2
	}
	return p
}

// Both ends of a protection have the same selectors, numbers and keys, each the other
// way round, and every inbound policy demands what the other end's outbound one does.
//
// Requirements: 6275-5.1-3, 6275-10.4.6-1
func TestBothEndsFit(t *testing.T) {
	p := protection(hoa, 300)
	for _, u := range Purposes {
		agent, node := p.policies(1, u, AtHomeAgent, coa), p.policies(7, u, AtMobileNode, coa)
		mobile := coa
		if u == ForSignalling {
			mobile = hoa
		}
		for _, in := range append(agent, node...) {
			if isHeaderBefore(in) {
				if up := in.Selector.Src == host(hoa); in.Templates[0].Proto == ProtoHomeAddress != up {
					t.Errorf("%+v is before ESP in %+v", in.Templates[0], in.Selector)
				}
				continue
			}
			for _, x := range in.Templates {
				if up := in.Selector.Src == host(hoa); up && (x.Src != mobile || x.Dst != ha) || !up && (x.Src != ha || x.Dst != mobile) {
					t.Errorf("%s: %+v goes from %s to %s", u, in.Selector, x.Src, x.Dst)
				}
			}
			if in.Dir == Out || len(in.Templates) == 0 {
				continue
			}
			fits := func(out Policy) bool {
				return out.Dir == Out && out.Selector.Src == in.Selector.Src && out.Selector.Dst == in.Selector.Dst && out.Selector.Proto == in.Selector.Proto &&
					out.Selector.MHType == in.Selector.MHType && out.Templates[0].Src == in.Templates[0].Src && out.Templates[0].Dst == in.Templates[0].Dst
			}
			if in.Templates[0].Optional || !slices.ContainsFunc(slices.DeleteFunc(append(agent, node...), func(x Policy) bool { return len(x.Templates) == 0 }), fits) {
				t.Errorf("%s: nobody sends what %+v wants", u, in)
			}
		}
		for i, s := range p.associations(1, u, AtHomeAgent, coa) {
			other := p.associations(7, u, AtMobileNode, coa)[i]
			s.Reqid, s.Mark = other.Reqid, other.Mark
			if !s.same(other) {
				t.Errorf("%s: %+v and %+v differ", u, s, other)
			}
		}
	}
}

// No two home addresses share a number, and each is found again from it.
//
// Requirements: 6275-5.1-3, 3776-4.2-3
func TestNumbersTellHomeAddressesApart(t *testing.T) {
	seen := make(map[uint32]bool)
	for n := range Number(MaxProtected) {
		for _, u := range Purposes {
			r := n.Reqid(u)
			gotN, gotU := numberOf(r)
			if seen[r] || gotN != n || gotU != u || !isESPReqid(r) {
				t.Fatalf("%d %s: %#x is %d %s", n, u, r, gotN, gotU)
			}
			seen[r] = true
		}
	}
	if isESPReqid(Reqid) || isESPReqid(0) {
		t.Error("what is not ESP's is taken for it")
	}
}

func openGuard(t *testing.T, end End) *Guard {
	t.Helper()
	g, err := OpenGuard(end)
	must(t, err)
	t.Cleanup(func() { g.Close() })
	return g
}

// ends are where the tunnels of a listing end on the mobile node's side.
func ends(t *testing.T, g *Guard) (policies, sas []netip.Addr) {
	t.Helper()
	l, err := g.List()
	must(t, err)
	add := func(list []netip.Addr, mode Mode, src, dst netip.Addr) []netip.Addr {
		end := src
		if end == ha {
			end = dst
		}
		if mode == Tunnel && !slices.Contains(list, end) {
			list = append(list, end)
		}
		return list
	}
	for _, p := range l.Policies {
		if len(p.Templates) > 0 {
			policies = add(policies, p.Templates[0].Mode, p.Templates[0].Src, p.Templates[0].Dst)
		}
	}
	for _, s := range l.SAs {
		sas = add(sas, s.Mode, s.Src, s.Dst)
	}
	return policies, sas
}

func wantEnds(t *testing.T, what string, g *Guard, policies, sas []netip.Addr) {
	t.Helper()
	p, s := ends(t, g)
	if !slices.Equal(p, policies) || !slices.Equal(s, sas) {
		t.Errorf("%s: policies end at %v, associations at %v; want %v and %v", what, p, s, policies, sas)
	}
}

// Tunnels come with the first care-of address, move with it, go inactive, and go on
// where they were; a second run takes them over; nothing of others is touched.
//
// Requirements: 6275-10.4.6-3, 3776-4.2-1, 4877-4.2-4
func TestKernelGuardMovesAndAdopts(t *testing.T) {
	for end, name := range map[End]string{AtHomeAgent: "home agent", AtMobileNode: "mobile node"} {
		t.Run(name, func(t *testing.T) {
			testkernel.Namespace(t)
			g := openGuard(t, end)
			other := SA{Src: coa, Dst: ha, SPI: 9999, Mode: Tunnel, Reqid: 9, Algorithm: Algorithm{Name: "cbc(aes)", Key: make([]byte, 16), Auth: "hmac(sha256)", AuthKey: make([]byte, 32), ICV: 128}}
			theirs := Policy{Selector: Selector{Dst: host(moved)}, Dir: Out, Priority: 7, Main: true, Templates: []Template{template(other)}}
			must(t, g.conn.setSA(other))
			must(t, g.conn.SetPolicy(theirs))
			one, two := protection(hoa, 300), protection(hoa.Next(), 400)
			must(t, g.Protect([]Protection{one, two}))
			wantEnds(t, "before", g, nil, nil)
			none := []netip.Addr(nil)
			for _, step := range []struct {
				what        string
				do          func() error
				policy, sas []netip.Addr
			}{
				{"first", func() error { return g.SetTunnels(hoa, coa, true) }, []netip.Addr{coa}, []netip.Addr{coa}},
				{"again", func() error { return g.SetTunnels(hoa, coa, true) }, []netip.Addr{coa}, []netip.Addr{coa}},
				{"moved", func() error { return g.SetTunnels(hoa, moved, true) }, []netip.Addr{moved}, []netip.Addr{moved}},
				{"inactive", func() error { return g.ClearTunnels(hoa) }, none, []netip.Addr{moved}},
				{"active elsewhere", func() error { return g.SetTunnels(hoa, coa, true) }, []netip.Addr{coa}, []netip.Addr{coa}},
				{"inactive", func() error { return g.ClearTunnels(hoa) }, none, []netip.Addr{coa}},
				{"active there", func() error { return g.SetTunnels(hoa, coa, true) }, []netip.Addr{coa}, []netip.Addr{coa}},
				{"reloaded", func() error { return g.Protect([]Protection{two, one}) }, []netip.Addr{coa}, []netip.Addr{coa}},
			} {
				must(t, step.do())
				wantEnds(t, step.what, g, step.policy, step.sas)
			}
			number := g.Reqid(hoa, ForSignalling)
			again := openGuard(t, end)
			must(t, again.Protect([]Protection{two, one}))
			if got := again.Reqid(hoa, ForSignalling); got != number {
				t.Errorf("the number %#x became %#x", number, got)
			}
			wantEnds(t, "taken over", again, []netip.Addr{coa}, []netip.Addr{coa})
			must(t, again.SetTunnels(hoa, coa, true))
			must(t, again.Settle())
			wantEnds(t, "wanted by the next run", again, []netip.Addr{coa}, []netip.Addr{coa})
			third := openGuard(t, end)
			must(t, third.Protect([]Protection{one, two}))
			must(t, third.Settle())
			wantEnds(t, "wanted by nobody", third, none, []netip.Addr{coa})
			must(t, again.SetTunnels(hoa, moved, true))
			must(t, again.ClearTunnels(hoa))
			must(t, again.SetTunnels(hoa, moved, true))
			wantEnds(t, "moved by the next run", again, []netip.Addr{moved}, []netip.Addr{moved})
			must(t, again.Protect(nil))
			if l, err := again.List(); err != nil || len(l.Policies)+len(l.SAs) != 0 {
				t.Errorf("%v, nothing is wanted and there is %+v", err, l)
			}
			must(t, g.Protect([]Protection{one}))
			must(t, g.SetTunnels(hoa, coa, true))
			must(t, g.conn.(*Conn).Cleanup())
			policies, err := g.conn.Policies()
			must(t, err)
			sas, err := g.conn.SAs()
			must(t, err)
			if len(policies) != 1 || len(sas) != 1 || !sas[0].same(other) {
				t.Errorf("after cleanup: %+v\n%+v", policies, sas)
			}
		})
	}
}

// What somebody else has taken away comes back at the next care-of address; an address
// that can't be one leaves everything as it was.
func TestKernelGuardComesBackFromFailures(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtHomeAgent)
	must(t, g.Protect([]Protection{protection(hoa, 300)}))
	must(t, g.SetTunnels(hoa, coa, true))
	if err := g.SetTunnels(hoa, netip.IPv6Unspecified(), true); err == nil {
		t.Error("tunnels end nowhere")
	}
	wantEnds(t, "refused", g, []netip.Addr{coa}, []netip.Addr{coa})
	h := g.homes[hoa]
	for _, take := range []func(){
		func() { must(t, g.conn.DeletePolicy(h.policies(h.number, ForPayload, AtHomeAgent, coa)[1])) },
		func() { must(t, g.drop(h, ForTests)) },
	} {
		take()
		must(t, g.SetTunnels(hoa, moved, true))
		wantEnds(t, "taken away", g, []netip.Addr{moved}, []netip.Addr{moved})
		l, err := g.List()
		must(t, err)
		if len(l.Policies) != 5+3+3 || len(l.SAs) != 6 {
			t.Errorf("%d policies, %d associations", len(l.Policies), len(l.SAs))
		}
		must(t, g.SetTunnels(hoa, coa, true))
	}
}

// When the second tunnel can't follow, the first goes back; the next attempt, with
// nothing in its way, moves both.
func TestKernelGuardMovesAllTunnelsOrNone(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtHomeAgent)
	must(t, g.Protect([]Protection{protection(hoa, 300)}))
	must(t, g.SetTunnels(hoa, coa, true))
	h := g.homes[hoa]
	good := h.Pairs[ForPayload]
	must(t, g.conn.DeletePolicy(h.policies(h.number, ForPayload, AtHomeAgent, coa)[0]))
	h.Pairs[ForPayload].ToHomeAgent.Algorithm = Algorithm{Name: "rot13", Key: make([]byte, 16), ICV: 128}
	if err := g.SetTunnels(hoa, moved, true); err == nil {
		t.Fatal("moved with an algorithm that there is not")
	}
	l, err := g.List()
	must(t, err)
	tests := 0
	for _, s := range l.SAs {
		if _, u := l.Of(s.Reqid); u == ForTests {
			tests++
			if s.Src != coa && s.Dst != coa {
				t.Errorf("the first tunnel stays at %s → %s", s.Src, s.Dst)
			}
		}
	}
	if tests != 2 {
		t.Errorf("%d associations of the first tunnel", tests)
	}
	h.Pairs[ForPayload] = good
	must(t, g.SetTunnels(hoa, moved, true))
	wantEnds(t, "the next attempt", g, []netip.Addr{moved}, []netip.Addr{moved})
}

// One migration that the kernel refuses has the others undone.
func TestKernelMigrateIsAllOrNothing(t *testing.T) {
	testkernel.Namespace(t)
	g := openGuard(t, AtHomeAgent)
	p := protection(hoa, 300)
	must(t, g.Protect([]Protection{p}))
	must(t, g.SetTunnels(hoa, coa, true))
	list := p.migrations(g.homes[hoa].number, ForTests, AtHomeAgent, coa, moved)
	list[2].Reqid++
	if err := g.conn.Migrate(list); !errors.Is(err, unix.ENODATA) {
		t.Errorf("%v, want ENODATA", err)
	}
	wantEnds(t, "undone", g, []netip.Addr{coa}, []netip.Addr{coa})
}

// The kernel tells its listeners of a migration in the message that it was asked with,
// which is how byte-exact the encoder is: iproute2 knows no migration. Keys, sequence
// numbers and marks go on.
//
// Requirements: 6275-10.4.6-3
func TestKernelMigrationIsToldAsItWasAsked(t *testing.T) {
	testkernel.Require(t)
	if os.Getenv("MIP6D_VM") == "" {
		t.Skip("the kernel tells of migrations in the first network namespace only, which is a machine's own")
	}
	g := openGuard(t, AtMobileNode)
	t.Cleanup(func() {
		if err := g.conn.(*Conn).Cleanup(); err != nil {
			t.Error(err)
		}
	})
	p := protection(hoa, 300)
	must(t, g.Protect([]Protection{p}))
	must(t, g.SetTunnels(hoa, coa, true))
	before, err := g.List()
	must(t, err)
	listener, err := netlink.Dial(unix.NETLINK_XFRM, &netlink.Config{Groups: 1 << (groupMigrate - 1)})
	must(t, err)
	defer listener.Close()
	must(t, listener.SetReadDeadline(time.Now().Add(5*time.Second)))
	for _, u := range Purposes[1:] {
		for _, m := range p.migrations(g.homes[hoa].number, u, AtMobileNode, coa, moved) {
			m.KeyManager = KeyManager{Local: moved, Remote: ha}
			must(t, g.conn.Migrate([]Migration{m}))
			told, err := listener.Receive()
			must(t, err)
			if len(told) != 1 || told[0].Header.Type != msgMigrate {
				t.Fatalf("told %+v", told)
			}
			if got, want := hex.EncodeToString(told[0].Data), hex.EncodeToString(m.encode()); got != want {
				t.Errorf("told  %s\nasked %s", got, want)
			}
		}
	}
	after, err := g.List()
	must(t, err)
	for _, s := range before.SAs {
		if s.Mode != Tunnel {
			continue
		}
		if s.Src == coa {
			s.Src = moved
		} else {
			s.Dst = moved
		}
		if !slices.ContainsFunc(after.SAs, func(x UsedSA) bool { return x.same(s.SA) && x.Use.Added >= s.Use.Added }) {
			t.Errorf("lost: SPI %d, mark %#x", s.SPI, s.Mark)
		}
	}
}

func TestOthersTunnels(t *testing.T) {
	peer, second := netip.MustParseAddr("2001:db8:c::1"), netip.MustParseAddr("2001:db8:c::2")
	policy := func(d Dir, src, dst netip.Addr, reqid uint32) Policy {
		return Policy{Selector: Selector{Dst: host(src)}, Dir: d, Main: true, Templates: []Template{{Proto: unix.IPPROTO_ESP, Src: src, Dst: dst, Mode: Tunnel, Reqid: reqid}}}
	}
	out, in := policy(Out, coa, peer, 5), policy(In, peer, coa, 5)
	far := policy(Out, coa, second, 6)
	ours := policy(Out, coa, ha, Number(3).Reqid(ForPayload))
	two := out
	two.Templates = append(two.Templates, Template{Proto: unix.IPPROTO_ESP, Mode: Transport})
	sas := []SA{{Src: coa, Dst: peer, SPI: 300, Reqid: 5, Mode: Tunnel}, {Src: coa, Dst: peer, SPI: 301, Reqid: 6, Mode: Tunnel}, {Src: peer, Dst: coa, SPI: 302, Reqid: 5, Mode: Tunnel}}
	var none netip.Addr
	for _, c := range []struct {
		what           string
		policies       []Policy
		from, to, peer netip.Addr
		want           string // the error, or
		n              int
	}{
		{"both directions", []Policy{out, in}, coa, moved, none, "", 2},
		{"two peers", []Policy{out, in, far}, coa, moved, none, "has tunnels with 2 peers: name one of 2001:db8:c::1, 2001:db8:c::2", 0},
		{"one of two peers", []Policy{out, in, far}, coa, moved, peer, "", 2},
		{"nobody's", []Policy{out}, moved, coa, none, "no policy has an ESP tunnel that ends at " + moved.String(), 0},
		{"not with this peer", []Policy{out}, coa, moved, second, "no policy has an ESP tunnel between", 0},
		{"our own", []Policy{out, ours}, coa, moved, none, "is mip6d's own", 0},
		{"our own is not meant", []Policy{out, ours}, coa, moved, peer, "", 1},
		{"to the peer", []Policy{out}, coa, peer, none, "is the other end", 0},
		{"nowhere", []Policy{out}, coa, netip.IPv6Unspecified(), none, "is no address of a node", 0},
		{"the same", []Policy{out}, coa, coa, none, "are not three addresses", 0},
		{"two transformations", []Policy{two}, coa, moved, none, "has 2 transformations", 0},
	} {
		list, err := planOthers(c.policies, sas, c.from, c.to, c.peer)
		if len(list) != c.n || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %d, %v; want %d, %s", c.what, len(list), err, c.n, c.want)
		}
	}
	list, _ := planOthers([]Policy{out, in}, sas, coa, moved, none)
	if list[0].Migration.New != (Endpoints{moved, peer}) || list[1].Migration.New != (Endpoints{peer, moved}) ||
		!slices.Equal(list[0].SPIs, []uint32{300}) || !slices.Equal(list[1].SPIs, []uint32{302}) {
		t.Errorf("%+v", list)
	}
}

func TestKernelOthersTunnelsMove(t *testing.T) {
	testkernel.Namespace(t)
	c, err := Dial()
	must(t, err)
	defer c.Close()
	peer := netip.MustParseAddr("2001:db8:c::1")
	alg := Algorithm{Name: "cbc(aes)", Key: make([]byte, 16), Auth: "hmac(sha256)", AuthKey: make([]byte, 32), ICV: 128}
	up := SA{Src: coa, Dst: peer, SPI: 300, Mode: Tunnel, Reqid: 5, Algorithm: alg}
	down := SA{Src: peer, Dst: coa, SPI: 301, Mode: Tunnel, Reqid: 5, Algorithm: alg}
	for d, s := range map[Dir]SA{Out: up, In: down} {
		must(t, c.setSA(s))
		must(t, c.SetPolicy(Policy{Selector: Selector{Dst: netip.PrefixFrom(s.Dst, 64).Masked()}, Dir: d, Priority: 7, Main: true, Templates: []Template{template(s)}}))
	}
	planned, err := c.MigrateOthers(coa, moved, netip.Addr{}, true)
	must(t, err)
	sas, err := c.SAs()
	must(t, err)
	if len(planned) != 2 || !slices.ContainsFunc(sas, func(x UsedSA) bool { return x.same(up) }) {
		t.Errorf("a dry run moved something: %+v", sas)
	}
	_, err = c.MigrateOthers(coa, moved, netip.Addr{}, false)
	must(t, err)
	sas, err = c.SAs()
	must(t, err)
	up.Src, down.Dst = moved, moved
	for _, s := range []SA{up, down} {
		if len(sas) != 2 || !slices.ContainsFunc(sas, func(x UsedSA) bool { return x.same(s) }) {
			t.Errorf("SPI %d has not moved: %+v", s.SPI, sas)
		}
	}
}
