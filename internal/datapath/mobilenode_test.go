package datapath

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

// tracing is what the parts of a mobile node were asked, and refuses some of it.
type tracing struct {
	log    []string
	refuse string
}

func (r *tracing) note(what string) error {
	r.log = append(r.log, what)
	if what == r.refuse {
		return errors.New("refused")
	}
	return nil
}

func (r *tracing) Apply(effects []role.Effect) []error {
	what := "another"
	if p, ok := effects[0].(role.SetHomePath); ok {
		what = "path " + p.Path.Mode.String()
	}
	return []error{r.note(what)}
}

func (r *tracing) SetTunnels(_, careOf netip.Addr, keyMgmt bool) error {
	if !keyMgmt {
		return r.note("IKE stays")
	}
	return r.note("tunnels at " + careOf.String())
}

func (r *tracing) ClearTunnels(netip.Addr) error { return r.note("no tunnels") }

func TestKeyManagementStaysWhereThePathSaysSo(t *testing.T) {
	r := new(tracing)
	(&MobileNode{Paths: r, Tunnels: r}).Apply([]role.Effect{role.SetHomePath{Path: role.HomePath{Mode: role.PathTunnelled}}})
	if diff := cmp.Diff([]string{"IKE stays", "path tunnelled"}, r.log); diff != "" {
		t.Error(diff)
	}
}

// Requirements: 6275-11.6.3-2
func TestProtectionComesBeforeThePathAndGoesAfterIt(t *testing.T) {
	careOf := netip.MustParseAddr("2001:db8:f1::1")
	for _, c := range []struct {
		mode   role.PathMode
		refuse string
		want   []string
	}{
		{role.PathTunnelled, "", []string{"tunnels at 2001:db8:f1::1", "path tunnelled"}},
		{role.PathTunnelled, "tunnels at 2001:db8:f1::1", []string{"tunnels at 2001:db8:f1::1"}},
		{role.PathBlocked, "", []string{"path blocked"}},
		{role.PathDeregistering, "", []string{"path deregistering", "no tunnels"}},
		{role.PathAnswering, "", []string{"path answering", "no tunnels"}},
		{role.PathHome, "", []string{"path home", "no tunnels"}},
		{role.PathHome, "path home", []string{"path home"}},
		{role.PathNone, "", []string{"path none", "no tunnels"}},
	} {
		r := &tracing{refuse: c.refuse}
		m := &MobileNode{Paths: r, Tunnels: r}
		errs := m.Apply([]role.Effect{role.SetHomePath{Path: role.HomePath{Mode: c.mode, CareOf: careOf, KeyMgmt: true}}, role.AddCareOf{}})
		if diff := cmp.Diff(append(c.want, "another"), r.log); diff != "" {
			t.Errorf("%v, refused %q:\n%s", c.mode, c.refuse, diff)
		}
		if (errs[0] != nil) != (c.refuse != "") || errs[1] != nil {
			t.Errorf("%v, refused %q: %v", c.mode, c.refuse, errs)
		}
	}
}
