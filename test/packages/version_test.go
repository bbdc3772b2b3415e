package packages

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVersionOfTheBuild: programs say the version that "make build" has given them, which is
// git's of the source unless VERSION says another, and two builds are the same.
func TestVersionOfTheBuild(t *testing.T) {
	here, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	const version = "1.2.3~test+0123456789ab"
	t.Setenv("VERSION", version)
	t.Setenv("MAKEFLAGS", "") // of "make test"
	plan := output(t, here, "make", "-n", "build")
	_, flags, found := strings.Cut(plan, "-ldflags '")
	flags, _, closed := strings.Cut(flags, "'")
	if !found || !closed {
		t.Fatalf("make build does not say what it does: %s", plan)
	}
	var builds [2][]byte
	for i := range builds {
		program := filepath.Join(t.TempDir(), "mip6ctl")
		output(t, here, "sh", "-c", `CGO_ENABLED=0 go build -trimpath -ldflags "$1" -o "$2" ./cmd/mip6ctl`, "sh", flags, program)
		if got := output(t, here, program, "--socket", "/nowhere", "version"); !strings.HasPrefix(got, "mip6ctl "+version+", ") {
			t.Errorf("it says %q", got)
		}
		if builds[i], err = os.ReadFile(program); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(builds[0], builds[1]) {
		t.Error("two builds differ")
	}
}

// TestVersionIsTheCommits: without a tag the version is made of the last commit alone; a tag is
// the version; what is not committed shows.
func TestVersionIsTheCommits(t *testing.T) {
	repository := t.TempDir()
	script, err := os.ReadFile("../../scripts/version")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(repository, "scripts"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(repository, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("scripts/version", string(script), 0o755)
	for name, value := range map[string]string{
		"VERSION": "", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "TZ": "Asia/Tokyo",
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
		"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z",
	} {
		t.Setenv(name, value)
	}
	git := func(args ...string) string { return output(t, repository, "git", args...) }
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	commit := strings.TrimSpace(git("rev-parse", "--short=12", "HEAD"))
	want := func(what, want string) {
		t.Helper()
		if got := output(t, "/", filepath.Join(repository, "scripts/version")); got != want+"\n" {
			t.Errorf("%s: %q, want %s", what, got, want)
		}
	}
	want("a commit", "0~20260102030405+"+commit)
	write("new", "", 0o644)
	want("something new", "0~20260102030405+"+commit+"+modified")
	if err := os.Remove(filepath.Join(repository, "new")); err != nil {
		t.Fatal(err)
	}
	git("tag", "v1.2.3")
	want("a tag", "1.2.3")
	t.Setenv("VERSION", "4.5")
	want("given", "4.5")
}
