package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Test is a test and what it says it shows.
type Test struct {
	Name    string // TestRFC6275_9_5_1_…, or a testscript's file name
	File    string // from the module's root
	Section string // that its name names, as in Requirement; or empty
	IDs     []string
}

// Package is the directory's name, which is the Go package's here.
func (t Test) Package() string { return path.Base(path.Dir(t.File)) }

// Collect finds all tests. problems are comments that say nothing to anybody.
func Collect(fsys fs.FS) (tests []Test, problems []string, err error) {
	err = fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := e.Name()
		switch {
		case e.IsDir() && name != "." && (strings.HasPrefix(base, ".") || base == "build" && !strings.Contains(name, "/")):
			return fs.SkipDir
		case e.IsDir():
			return nil
		case strings.HasSuffix(base, "_test.go") && !strings.Contains("/"+name, "/testdata/"):
			found, wrong, err := inGo(fsys, name)
			tests, problems = append(tests, found...), append(problems, wrong...)
			return err
		case strings.HasSuffix(base, ".txtar"):
			found, wrong, err := inScript(fsys, name)
			tests, problems = append(tests, found...), append(problems, wrong...)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look for tests: %w", err)
	}
	return tests, problems, nil
}

var (
	testName    = regexp.MustCompile(`^(Test|Fuzz)([^a-z]|$)`)
	sectionName = regexp.MustCompile(`^(?:Test|Fuzz)(?:Kernel)?RFC(\d{4})_(\d+(?:_\d+)*)_`)
	marker      = regexp.MustCompile(`^(?://|#)\s*Requirements?:\s*(.*)$`)
)

// inGo reads a Go file: its Test and Fuzz functions, and the comments in front of
// and within each.
func inGo(fsys fs.FS, name string) (tests []Test, problems []string, err error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, err
	}
	type span struct {
		from, to token.Pos
		test     int
	}
	var spans []span
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || !testName.MatchString(fn.Name.Name) || fn.Name.Name == "TestMain" {
			continue
		}
		t := Test{Name: fn.Name.Name, File: name}
		if m := sectionName.FindStringSubmatch(t.Name); m != nil {
			t.Section = "RFC" + m[1] + " " + strings.ReplaceAll(m[2], "_", ".")
		}
		from := fn.Pos()
		if fn.Doc != nil {
			from = fn.Doc.Pos()
		}
		spans = append(spans, span{from, fn.End(), len(tests)})
		tests = append(tests, t)
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			at := files.Position(c.Pos())
			ids, marked, wrong := idsIn(c.Text)
			for _, w := range wrong {
				problems = append(problems, fmt.Sprintf("%s:%d: %s", name, at.Line, w))
			}
			if !marked {
				continue
			}
			i := slices.IndexFunc(spans, func(s span) bool { return s.from <= c.Pos() && c.Pos() < s.to })
			if i < 0 {
				problems = append(problems, fmt.Sprintf("%s:%d: these requirements are at no test", name, at.Line))
				continue
			}
			t := &tests[spans[i].test]
			t.IDs = append(t.IDs, ids...)
		}
	}
	return tests, problems, nil
}

// inScript reads a testscript, whose commands end where its files begin.
func inScript(fsys fs.FS, name string) (tests []Test, problems []string, err error) {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	t := Test{Name: path.Base(name), File: name}
	for i, line := range strings.Split(string(src), "\n") {
		if strings.HasPrefix(line, "-- ") {
			break
		}
		ids, _, wrong := idsIn(line)
		for _, w := range wrong {
			problems = append(problems, fmt.Sprintf("%s:%d: %s", name, i+1, w))
		}
		t.IDs = append(t.IDs, ids...)
	}
	return []Test{t}, problems, nil
}

// idsIn reads one comment line. marked says that it is about requirements.
func idsIn(line string) (ids []string, marked bool, problems []string) {
	m := marker.FindStringSubmatch(line)
	if m == nil {
		return nil, false, nil
	}
	for _, id := range strings.Split(m[1], ",") {
		id = strings.TrimSpace(id)
		if !idForm.MatchString(id) {
			problems = append(problems, fmt.Sprintf("%q is not an id such as 6275-9.5.1-3", id))
			continue
		}
		ids = append(ids, id)
	}
	return ids, true, problems
}
