package conformance

import (
	"bytes"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestConformanceIsUpToDate(t *testing.T) {
	root := os.DirFS("../..")
	document, problems, err := Make(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	old, err := fs.ReadFile(root, Document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, document) {
		t.Errorf("%s is not up to date: run make conformance and commit it", Document)
	}
}

const two = header + "\n" +
	"6275-9.5.1-3\tRFC6275 9.5.1\tCN/HA\tMUST\tcount <modulo> 2|16\t\n" +
	"6275-9.5.1-4\tRFC6275 9.5.1\tCN\tSHOULD\twait\tissue 7: later\n"

func tree(list, test string) fstest.MapFS {
	return fstest.MapFS{
		List:                         {Data: []byte(list)},
		"internal/cn/x_test.go":      {Data: []byte("package cn\n\n" + test)},
		"internal/cn/testdata/a.go":  {Data: []byte("no Go")},
		".git/y_test.go":             {Data: []byte("no Go")},
		"build/y_test.go":            {Data: []byte("no Go")},
		"cmd/x/testdata/s/one.txtar": {Data: []byte("# Fine.\nexec x\n-- f --\n# Requirements: nothing here\n")},
	}
}

func TestDocument(t *testing.T) {
	fsys := tree(two, `
// TestRFC6275_9_5_1_A is one.
//
// Requirements: 6275-9.5.1-3
func TestRFC6275_9_5_1_A(t *testing.T) {}

func TestRFC6275_9_5_1_B(t *testing.T) {}

func TestInside(t *testing.T) {
	for range 2 {
		// Requirements: 6275-9.5.1-3
	}
}
`)
	fsys["cmd/x/testdata/s/two.txtar"] = &fstest.MapFile{Data: []byte("# Requirements: 6275-9.5.1-3\nexec x\n")}
	got, problems, err := Make(fsys)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	want := `
| RFC | word, with NOT | requirements | shown | in part | missing |
|---|---|---|---|---|---|
| 6275 | MUST | 1 | 1 | 0 | 0 |
| 6275 | SHOULD | 1 | 0 | 0 | 1 |

| why it is missing | wholly | in part |
|---|---|---|
| issue 7 | 1 | 0 |

## RFC 6275

### RFC 6275 §9.5.1

| id | who | level | requirement | shown by |
|---|---|---|---|---|
| 6275-9.5.1-3 | CN/HA | MUST | count &lt;modulo&gt; 2\|16 | [s.two.txtar](../cmd/x/testdata/s/two.txtar), [cn.TestInside](../internal/cn/x_test.go), [cn.TestRFC6275_9_5_1_A](../internal/cn/x_test.go) |
| 6275-9.5.1-4 | CN | SHOULD | wait | *missing*: issue 7: later |

Further tests of this section: [cn.TestRFC6275_9_5_1_B](../internal/cn/x_test.go).
`
	if diff := cmp.Diff(introduction+want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestProblems(t *testing.T) {
	const fine = "// Requirements: 6275-9.5.1-3\nfunc TestA(t *testing.T) {}\n"
	for _, c := range []struct {
		name, list, test, want string
	}{
		{"an unknown id", two, "// Requirements: 6275-9.5.1-3, 6275-9.9-1\nfunc TestA(t *testing.T) {}\n",
			"internal/cn/x_test.go: TestA names 6275-9.9-1, which test/conformance/requirements.tsv does not have"},
		{"no id", two, fine + "// Requirements: see above\nfunc TestB(t *testing.T) {}\n",
			`internal/cn/x_test.go:5: "see above" is not an id such as 6275-9.5.1-3`},
		{"twice", two, "// Requirements: 6275-9.5.1-3\n// Requirements: 6275-9.5.1-3\nfunc TestA(t *testing.T) {}\n",
			"internal/cn/x_test.go: TestA names 6275-9.5.1-3 twice"},
		{"at no test", two, fine + "// Requirements: 6275-9.5.1-3\nfunc helper() {}\n",
			"internal/cn/x_test.go:5: these requirements are at no test"},
		{"at a method", two, fine + "// Requirements: 6275-9.5.1-3\nfunc (x) TestB(t *testing.T) {}\n",
			"internal/cn/x_test.go:5: these requirements are at no test"},
		{"neither test nor reason", two, "",
			"test/conformance/requirements.tsv: 6275-9.5.1-3 (MUST) has neither a test nor a reason: count <modulo> 2|16"},
		{"both", two, "// Requirements: 6275-9.5.1-3, 6275-9.5.1-4\nfunc TestA(t *testing.T) {}\n",
			"test/conformance/requirements.tsv: 6275-9.5.1-4 is said to be missing (issue 7: later), but TestA names it"},
		{"in part, and none", strings.Replace(two, "issue 7: later", "partly: issue 7", 1), fine,
			"test/conformance/requirements.tsv: 6275-9.5.1-4 is said to be shown in part, but no test names it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, problems, err := Make(tree(c.list, c.test))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.want}, problems); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInPart(t *testing.T) {
	list := strings.Replace(two, "issue 7: later", "partly: issue 7: the rest", 1)
	got, problems, err := Make(tree(list, "// Requirements: 6275-9.5.1-3, 6275-9.5.1-4\nfunc TestA(t *testing.T) {}\n"))
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	for _, want := range []string{"*missing* in part: issue 7: the rest |", "| 6275 | SHOULD | 1 | 0 | 1 | 0 |", "| issue 7 | 0 | 1 |"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestListsRefused(t *testing.T) {
	line := func(s string) string { return header + "\n" + s + "\n" }
	for name, list := range map[string]string{
		"no header":       "6275-9.5.1-3\tRFC6275 9.5.1\tCN\tMUST\tx\t\n",
		"five columns":    line("6275-9.5.1-3\tRFC6275 9.5.1\tCN\tMUST\tx"),
		"no id":           line("9.5.1-3\tRFC6275 9.5.1\tCN\tMUST\tx\t"),
		"another section": line("6275-9.5.1-3\tRFC6275 9.5.2\tCN\tMUST\tx\t"),
		"another RFC":     line("6275-9.5.1-3\tRFC3963 9.5.1\tCN\tMUST\tx\t"),
		"no level":        line("6275-9.5.1-3\tRFC6275 9.5.1\tCN\tMAY\tx\t"),
		"no role":         line("6275-9.5.1-3\tRFC6275 9.5.1\tCN/XY\tMUST\tx\t"),
		"no text":         line("6275-9.5.1-3\tRFC6275 9.5.1\tCN\tMUST\t \t"),
		"twice":           two + "6275-9.5.1-3\tRFC6275 9.5.1\tCN\tMUST\tx\t\n",
		"an empty line":   two + "\n",
	} {
		if list, err := Read(tree(list, "")); err == nil {
			t.Errorf("%s: read as %+v", name, list)
		}
	}
}
