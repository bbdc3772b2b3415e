package xfrmmig

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"mip6d/test/testkernel"
)

var errRefused = errors.New("refused")

// whole says what is wrong with the tunnels of a home address, which are to end at a
// care-of address.
func whole(g *Guard, m *Model, careOf netip.Addr) string {
	h := g.homes[hoa]
	for _, u := range Purposes[1:] {
		for _, p := range h.policies(h.number, u, g.end, careOf) {
			if !slices.ContainsFunc(m.policies, func(x Policy) bool { return samePolicy(x, p) && slices.Equal(x.Templates, p.Templates) }) {
				return fmt.Sprintf("%s: no policy %s %+v that ends at %s", u, p.Dir, p.Selector, careOf)
			}
		}
		for _, s := range h.associations(h.number, u, g.end, careOf) {
			if !slices.ContainsFunc(m.sas, func(x UsedSA) bool { return x.same(s) }) {
				return fmt.Sprintf("%s: no association with SPI %d between %s and %s", u, s.SPI, s.Src, s.Dst)
			}
		}
	}
	return ""
}

// Whichever requests the kernel refuses of a move, and of what is to undo it: once it
// refuses none any more the tunnels are whole at the old care-of address, or at the new
// one, as asked; and at no time are the policies not there.
func TestGuardComesBackFromEveryRefusal(t *testing.T) {
	for end, name := range map[End]string{AtHomeAgent: "home agent", AtMobileNode: "mobile node"} {
		for _, what := range []string{"migrates", "no migration", "an association is missing", "a policy is missing", "inactive", "nothing was there"} {
			t.Run(name+", "+what, func(t *testing.T) {
				for first := range 40 {
					for _, more := range []int{0, 1, 100} { // further requests that are refused
						for _, next := range []netip.Addr{coa, moved} {
							m := &Model{NoMigration: what == "no migration"}
							g := NewModelGuard(m, end)
							must(t, g.Protect([]Protection{protection(hoa, 300)}))
							if what != "nothing was there" {
								must(t, g.SetTunnels(hoa, coa, true))
							}
							if what == "inactive" {
								must(t, g.ClearTunnels(hoa))
							}
							policies := len(m.policies)
							switch what {
							case "an association is missing":
								m.sas = m.sas[:len(m.sas)-1]
							case "a policy is missing":
								m.policies = m.policies[:len(m.policies)-1]
								policies--
							}
							n := 0
							m.Refuse = func() error {
								n++
								if n > first && n <= first+1+more {
									return errRefused
								}
								return nil
							}
							err := g.SetTunnels(hoa, moved, true)
							if len(m.policies) < policies {
								t.Fatalf("request %d was refused, and of %d policies %d are left", first, policies, len(m.policies))
							}
							m.Refuse = nil
							if err == nil { // what was refused was got round
								if w := whole(g, m, moved); w != "" {
									t.Fatal(w)
								}
							}
							must(t, g.SetTunnels(hoa, next, true))
							if next == coa && strings.HasSuffix(what, "missing") {
								continue // a guard that is asked for what it has done does not look
							}
							if w := whole(g, m, next); w != "" {
								t.Fatalf("request %d and %d more were refused; then, asked for %s: %s", first, more, next, w)
							}
							if n := len(m.sas); n != 6 {
								t.Fatalf("request %d and %d more were refused; then %d associations are there", first, more, n)
							}
						}
					}
				}
			})
		}
	}
}

// The model does what the kernel does.
func TestKernelModelAgrees(t *testing.T) {
	testkernel.Namespace(t)
	for end, name := range map[End]string{AtHomeAgent: "home agent", AtMobileNode: "mobile node"} {
		t.Run(name, func(t *testing.T) {
			real, m := openGuard(t, end), new(Model)
			t.Cleanup(func() { must(t, real.conn.(*Conn).Cleanup()) })
			model := NewModelGuard(m, end)
			p := protection(hoa, 300)
			for _, step := range []struct {
				what string
				do   func(*Guard) error
			}{
				{"protected", func(g *Guard) error { return g.Protect([]Protection{p}) }},
				{"away", func(g *Guard) error { return g.SetTunnels(hoa, coa, true) }},
				{"moved", func(g *Guard) error { return g.SetTunnels(hoa, moved, true) }},
				{"nowhere", func(g *Guard) error { return g.SetTunnels(hoa, netip.IPv6Unspecified(), true) }},
				{"without an association", func(g *Guard) error {
					h := g.homes[hoa]
					return errors.Join(g.conn.deleteSA(h.associations(h.number, ForTests, end, moved)[0]), g.SetTunnels(hoa, coa, true))
				}},
				{"without a policy", func(g *Guard) error {
					h := g.homes[hoa]
					return errors.Join(g.conn.DeletePolicy(h.policies(h.number, ForPayload, end, coa)[0]), g.SetTunnels(hoa, moved, true))
				}},
				{"the wrong reqid", func(g *Guard) error {
					list := p.migrations(g.homes[hoa].number, ForTests, end, moved, coa)
					list[1].Reqid++
					return g.conn.Migrate(list)
				}},
				{"at home", func(g *Guard) error { return g.ClearTunnels(hoa) }},
				{"away again", func(g *Guard) error { return g.SetTunnels(hoa, coa, true) }},
			} {
				a, b := step.do(real), step.do(model)
				if (a == nil) != (b == nil) {
					t.Errorf("%s: the kernel says %v, the model %v", step.what, a, b)
				}
				if diff := gocmp.Diff(kept(t, real.conn), kept(t, model.conn), same); diff != "" {
					t.Errorf("%s (-kernel +model):\n%s", step.what, diff)
				}
			}
		})
	}
}

// kept is what a kernel has, in an order of its own.
func kept(t *testing.T, k kernel) (text []string) {
	t.Helper()
	policies, err := k.Policies()
	must(t, err)
	for _, p := range policies {
		text = append(text, fmt.Sprintf("%+v", p))
	}
	sas, err := k.SAs()
	must(t, err)
	for _, s := range sas {
		text = append(text, fmt.Sprintf("%+v", s.SA))
	}
	slices.SortFunc(text, cmp.Compare)
	return text
}
