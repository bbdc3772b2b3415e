package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRooms checks this module's source against the table.
func TestRooms(t *testing.T) {
	wrong, err := Check("../..", "mip6d", Rooms)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range wrong {
		t.Error(w)
	}
}

// TestViolations: each kind of breach is found, in a module made of breaches,
// and what is right beside them is not.
func TestViolations(t *testing.T) {
	rooms := []Room{
		{Path: "pure", Pure: true},
		{Path: "mixed", PureFiles: []string{"encode.go"}, Modules: []string{"example.org/netlink", sys}},
		{Path: "ha", Pure: true, Rooms: []string{"pure"}},
		{Path: "mn", Pure: true, Rooms: []string{"pure"}, Modules: []string{"example.org/netlink", sys}},
		{Path: "test/...", Rooms: []string{Any}, Modules: []string{Any}},
	}
	got, err := Check("testdata/violations", "fixture", rooms)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/violations/want")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.go"), []byte("this is not Go\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(broken, "fixture", []Room{{Path: "."}}); err == nil {
		t.Error("a file that is not Go passes")
	}
	if _, err := Check("testdata/none", "fixture", nil); err == nil {
		t.Error("a directory that is not there passes")
	}
}

// TestTable: the table itself keeps what docs/architecture.md promises.
func TestTable(t *testing.T) {
	byPath := make(map[string]Room)
	for _, r := range Rooms {
		if _, again := byPath[r.Path]; again {
			t.Errorf("%s has two rows", r.Path)
		}
		byPath[r.Path] = r
	}
	for _, r := range Rooms {
		if strings.HasPrefix(r.Path, "test/") {
			continue
		}
		var knowsRole, knowsApplier bool
		for _, other := range r.Rooms {
			o, ok := byPath[other]
			if !ok {
				t.Errorf("%s may import %s, which has no row", r.Path, other)
			}
			if r.Pure && !o.Pure {
				t.Errorf("%s is pure and may import %s, which is not", r.Path, other)
			}
			knowsRole = knowsRole || slices.Contains(roles, other)
			knowsApplier = knowsApplier || slices.Contains(appliers, other)
			if slices.Contains(roles, r.Path) && slices.Contains(roles, other) {
				t.Errorf("the role %s may import the role %s", r.Path, other)
			}
		}
		if knowsRole && knowsApplier && r.Path != "cmd/mip6d" && r.Path != "internal/sim" {
			t.Errorf("%s knows a role and an applier; only cmd/mip6d, and in its place the simulation, may", r.Path)
		}
		if r.Pure && len(r.Modules) > 0 {
			t.Errorf("%s is pure and may import %v", r.Path, r.Modules)
		}
	}
	for _, p := range slices.Concat(codecs, roles, []string{"internal/role", "internal/bce", "internal/bul"}) {
		if !byPath[p].Pure {
			t.Errorf("%s is not pure", p)
		}
	}
	for _, p := range []string{"os", "net", "syscall", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "unsafe"} {
		if slices.Contains(pureStd, p) {
			t.Errorf("pure rooms may import %s", p)
		}
	}
}

// TestDocumented: docs/architecture.md names every room.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rooms {
		name := strings.TrimSuffix(r.Path, "/...")
		short := strings.TrimPrefix(name, "internal/")
		if !strings.Contains(string(text), "`"+name+"`") && !strings.Contains(string(text), "`"+short+"`") && name != "test" && short != "tools" {
			t.Errorf("docs/architecture.md does not name %s", r.Path)
		}
	}
}

// TestDependencies: docs/dependencies.md gives a reason for what go.mod
// requires, and for nothing else.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var required, documented []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		required = append(required, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\S+)` \\| [^|]*[A-Z][^|]* \\| [^|]{20,} \\|$").FindAllStringSubmatch(string(doc), -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(required)
	slices.Sort(documented)
	if diff := cmp.Diff(required, documented); diff != "" {
		t.Errorf("go.mod and docs/dependencies.md differ (-required +documented)\n%s", diff)
	}
}
