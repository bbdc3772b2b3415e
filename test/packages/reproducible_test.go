package packages

import (
	"bytes"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wanted says whether "make test-packages" runs us.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("MIP6D_TEST_PACKAGES") == "" {
		t.Skip("takes minutes: make test-packages")
	}
}

// TestBuildsAreReproducible builds here and in a clone elsewhere, with another umask and
// time zone. While there are uncommitted changes a clone lacks them: both builds are made
// here, then.
func TestBuildsAreReproducible(t *testing.T) {
	wanted(t)
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	first := build(t, here, "umask 022; export TZ=UTC")
	elsewhere := here
	if changes := output(t, here, "git", "status", "--porcelain"); changes == "" {
		elsewhere = filepath.Join(t.TempDir(), "quite", "elsewhere")
		output(t, here, "git", "clone", "--quiet", "--shared", ".", elsewhere)
	} else {
		t.Logf("built twice in the same place, as there are uncommitted changes:\n%s", changes)
	}
	second := build(t, elsewhere, "umask 077; export TZ=Asia/Tokyo")
	if len(first) != 2 || len(second) != 2 {
		t.Fatalf("%d and %d packages are built, want a deb and an rpm", len(first), len(second))
	}
	for name, b := range first {
		if !bytes.Equal(b, second[name]) {
			t.Errorf("%s: two builds differ: %x and %x", name, sha256.Sum256(b), sha256.Sum256(second[name]))
			continue
		}
		t.Logf("%x  %s, twice", sha256.Sum256(b), name)
	}
}

func build(t *testing.T, dir, before string) map[string][]byte {
	t.Helper()
	output(t, dir, "sh", "-c", before+"; scripts/make-packages")
	files := make(map[string][]byte)
	found, _ := filepath.Glob(filepath.Join(dir, "build/packages/mip6d*")) // the pattern is right
	for _, f := range found {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(f)] = b
	}
	return files
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
