package umip

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/config"
)

// update rewrites what the tests expect, and the table of docs/from-umip.md:
//
//	go test ./internal/umip -update
var update = flag.Bool("update", false, "rewrite testdata/*.yaml, testdata/*.check and the table of docs/from-umip.md")

// TestGolden converts each testdata/NAME.conf to NAME.yaml and has mip6d's own
// check say about that what stands in NAME.check, given the keys.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 8 {
		t.Fatalf("only %d examples found (%v)", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".conf")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := convert(t, filepath.Base(file), string(text), Options{})
			golden(t, "testdata/"+name+".yaml", got.Text)
			golden(t, "testdata/"+name+".check", check(t, got.Text, true))
			if strings.Contains(got.Text, "TODO:") != (got.Todo > 0) || strings.Contains(got.Text, "Not converted") != (got.Left > 0) {
				t.Errorf("counts %d things to do and %d not converted", got.Todo, got.Left)
			}
		})
	}
}

// TestKeysAreAskedFor: without the key files, their absence is what is wrong.
func TestKeysAreAskedFor(t *testing.T) {
	text, err := os.ReadFile("testdata/homeagent.conf")
	if err != nil {
		t.Fatal(err)
	}
	got := check(t, convert(t, "f", string(text), Options{}).Text, false)
	if strings.Count(got, "\n") != 2 || strings.Count(got, "is not there: make one with") != 2 {
		t.Errorf("the check says\n%s", got)
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got)\n%s", file, diff)
	}
}

// convert converts a text that has no problems.
func convert(t *testing.T, name, text string, o Options) *Result {
	t.Helper()
	f, problems := Parse(Source{name, []byte(text)}, nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r, problems := f.Convert(o)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return r
}

// check says what mip6d --check would say about a configuration, a line each.
func check(t *testing.T, text string, withKeys bool) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "mip6d.yaml")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, text)
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`key_file: (keys/[^},]+)`).FindAllStringSubmatch(text, -1) {
		if withKeys {
			write(filepath.Join(dir, m[1]), "00112233445566778899aabbccddeeff00112233\n")
		}
	}
	_, err := config.Load(file)
	var problems config.Problems
	switch {
	case err == nil:
		return ""
	case !errors.As(err, &problems):
		t.Fatal(err)
	}
	return strings.ReplaceAll(problems.Error(), dir+"/", "") + "\n"
}
