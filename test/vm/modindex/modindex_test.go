package modindex

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The .modinfo of Debian's esp6.ko and of a module with a soft dependency
// (`objcopy -O binary --only-section=.modinfo`), shortened.
const (
	esp6     = "alias=xfrm-type-10-50\x00license=GPL\x00depends=xfrm_algo\x00intree=Y\x00name=esp6\x00"
	xfrmAlgo = "depends=\x00name=xfrm_algo\x00softdep=pre: hmac-generic post: ctr\x00"
	hmac     = "alias=crypto-hmac\x00depends=\x00name=hmac_generic\x00"
	wifi     = "alias=pci:v00008086d*sv*\x00depends=\x00name=wifi\x00"
)

func index() *Index {
	x := newIndex()
	for _, info := range []string{esp6, xfrmAlgo, hmac, wifi} {
		x.add(parseModinfo([]byte(info)))
	}
	return x
}

func names(ms []*Module) string {
	var s []string
	for _, m := range ms {
		s = append(s, m.Name)
	}
	return strings.Join(s, " ")
}

func TestOrderPutsDependenciesFirst(t *testing.T) {
	for _, tt := range []struct{ ask, want string }{
		{"esp6", "hmac_generic xfrm_algo esp6"},
		{"xfrm-type-10-50", "hmac_generic xfrm_algo esp6"},
		{"crypto-hmac", "hmac_generic"},
		{"hmac-generic", "hmac_generic"},
		{"pci:v00008086d00001234sv0", "wifi"},
		{"xfrm-type-2-50", ""},
	} {
		if got := names(index().Order(tt.ask)); got != tt.want {
			t.Errorf("Order(%q) = %q, want %q", tt.ask, got, tt.want)
		}
	}
}

func TestMarshalKeepsEverything(t *testing.T) {
	all := index().Modules()
	back, err := Unmarshal(Marshal(all))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range back.Modules() {
		want := *all[i]
		if diff := cmp.Diff(strings.Join(want.Depends, ","), strings.Join(m.Depends, ",")); diff != "" || m.Name != want.Name {
			t.Errorf("module %d: got %+v, want %+v", i, m, want)
		}
		if diff := cmp.Diff(strings.Join(want.Aliases, ","), strings.Join(m.Aliases, ",")); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := Unmarshal([]byte("one field\n")); err == nil {
		t.Error("a line with one field was accepted")
	}
}
