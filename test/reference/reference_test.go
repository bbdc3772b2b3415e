package reference

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/config"
)

var update = flag.Bool("update", false, "rewrite configs/mip6d.schema.json and man/mip6d.yaml.5")

const top = "../../"

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(top + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReferenceSchema(t *testing.T) {
	b, err := Schema(config.Settings(), Rows(read(t, "docs/configuration.md")))
	if err != nil {
		t.Fatal(err)
	}
	if err := Keep(top+SchemaFile, string(b), *update); err != nil {
		t.Error(err)
	}
}

func TestReferenceConfigurationPage(t *testing.T) {
	page, err := Region(read(t, "man/mip6d.yaml.5"), "docs/configuration.md", Configuration(read(t, "docs/configuration.md")))
	if err != nil {
		t.Fatal(err)
	}
	if err := Keep(top+"man/mip6d.yaml.5", page, *update); err != nil {
		t.Error(err)
	}
}

// TestEveryKeyIsInThePage looks at the page as it is, with its default as the table
// tells it.
func TestEveryKeyIsInThePage(t *testing.T) {
	page := read(t, "man/mip6d.yaml.5")
	rows := make(map[string]Row)
	for _, r := range Rows(read(t, "docs/configuration.md")) {
		rows[r.Key] = r
	}
	for _, s := range config.Settings() {
		_, entry, ok := strings.Cut(page, "\n.It Ic "+s.Path+"\n")
		if !ok {
			t.Errorf("mip6d.yaml(5) has no %s", s.Path)
			continue
		}
		entry, _, _ = strings.Cut(entry, "\n.It ")
		want := "; default: " + inline(rows[s.Path].Default)
		switch rows[s.Path].Default {
		case "":
			continue
		case "*required*":
			want = "; required"
		}
		if !strings.Contains(entry, want) {
			t.Errorf("mip6d.yaml(5), %s: no %q", s.Path, want)
		}
	}
}

// TestKeysOfTheSchema: no more and no fewer than the loader's.
func TestKeysOfTheSchema(t *testing.T) {
	var top schema
	if err := json.Unmarshal([]byte(read(t, SchemaFile)), &top); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	var walk func(path string, s *schema)
	walk = func(path string, s *schema) {
		if s == nil {
			return
		}
		for name, p := range s.Properties {
			key := strings.TrimPrefix(path+"."+name, ".")
			got = append(got, key)
			if p.Description == "" {
				t.Errorf("%s has no description", key)
			}
			walk(key, p)
		}
		walk(path+"[]", s.Items)
		for _, a := range s.AnyOf {
			walk(path, a)
		}
	}
	walk("", &top)
	for _, s := range config.Settings() {
		want = append(want, s.Path)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys of the loader and of the schema differ (-loader +schema)\n%s", diff)
	}
}

// TestDefaultsOfTheSchema: what stands there as a value is of the key's type.
func TestDefaultsOfTheSchema(t *testing.T) {
	s := read(t, SchemaFile)
	for _, want := range []string{
		`"default": 131072`, `"default": "420s"`, `"default": false`, `"default": "/run/mip6d"`,
		`Default: 200s, at most a third of max_interval`,
	} {
		if !strings.Contains(s, want) {
			t.Errorf("the schema has no %s", want)
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(top + "man/*.[0-9]")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d pages (%v), want 4", len(files), err)
	}
	return files
}
