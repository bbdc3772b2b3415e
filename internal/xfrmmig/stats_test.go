package xfrmmig

import (
	"maps"
	"strings"
	"testing"

	"mip6d/internal/role"
)

func TestCountersHaveNamesLikeOurs(t *testing.T) {
	got, err := parseCounters(strings.NewReader("XfrmInError             \t0\nXfrmInTmplMismatch      \t7\n\nXfrmFwdHdrError\t1\n"))
	want := map[role.Counter]uint64{"xfrm_in_error": 0, "xfrm_in_tmpl_mismatch": 7, "xfrm_fwd_hdr_error": 1}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := parseCounters(strings.NewReader("XfrmInError many\n")); err == nil {
		t.Error("a counter of words is taken")
	}
}
