package charon

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/strongswan/govici/vici"
)

// section builds a message of pairs; a value is text or a section.
func section(t *testing.T, pairs ...any) *vici.Message {
	t.Helper()
	m := vici.NewMessage()
	for i := 0; i < len(pairs); i += 2 {
		if err := m.Set(pairs[i].(string), pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestStale(t *testing.T) {
	ike := func(id, local, remote, reqid string) *vici.Message {
		children := section(t, "child-1", section(t, "reqid", "7"), "child-2", section(t, "reqid", reqid))
		return section(t, "mip6", section(t, "uniqueid", id, "local-host", local, "remote-host", remote, "child-sas", children))
	}
	s := Stale{At: netip.MustParseAddr("2001:db8:f1::100"), Reqids: []uint32{0x62750004, 0x62750005}}
	for _, c := range []struct {
		what string
		m    *vici.Message
		want []uint32
	}{
		{"ours at the address", ike("3", "2001:db8:f1::100", "2001:db8:1::1", "1651834885"), []uint32{3}},
		{"the peer at the address", ike("4", "2001:db8:1::1", "2001:db8:f1::100", "1651834884"), []uint32{4}},
		{"elsewhere", ike("5", "2001:db8:f2::100", "2001:db8:1::1", "1651834884"), nil},
		{"another's", ike("6", "2001:db8:f1::100", "2001:db8:1::1", "1651834888"), nil},
		{"without children", section(t, "mip6", section(t, "uniqueid", "7", "local-host", "2001:db8:f1::100")), nil},
		{"no section", section(t, "mip6", "text"), nil},
	} {
		if diff := cmp.Diff(c.want, s.ids(c.m)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.what, diff)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "charon.vici")
	_, err := Client{socket}.End(t.Context(), Stale{})
	if err == nil || !strings.Contains(err.Error(), "is strongSwan running") {
		t.Error(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if conn, err := l.Accept(); err == nil {
			conn.Close()
		}
	}()
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := (Client{socket}).End(ctx, Stale{}); err == nil || !strings.Contains(err.Error(), "list charon's") {
		t.Error(err)
	}
}
