package rtnl

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A kernel without optimistic addresses is managed like any other, in what it has.
func TestInterfaceWithoutOptimisticAddressesIsManaged(t *testing.T) {
	dir := t.TempDir()
	for _, key := range []string{"autoconf", "use_tempaddr", "accept_ra"} {
		if err := os.WriteFile(filepath.Join(dir, key), []byte("1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	managed := Managed{Name: "wlan7", Optimistic: true}.sysctls()
	want := maps.Clone(managed)
	withoutOptimistic(want, dir)
	rest := maps.Clone(managed)
	delete(rest, "optimistic_dad")
	delete(rest, "use_optimistic")
	if diff := cmp.Diff(rest, want); diff != "" {
		t.Error(diff)
	}
	for _, key := range []string{"optimistic_dad", "use_optimistic"} {
		if err := os.WriteFile(filepath.Join(dir, key), []byte("0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want = maps.Clone(managed)
	withoutOptimistic(want, dir)
	if diff := cmp.Diff(managed, want); diff != "" {
		t.Error(diff)
	}
}
