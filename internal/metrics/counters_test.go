package metrics

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

// constants returns the values of all string constants of a type that the module
// declares, with where.
func constants(t *testing.T, typeName string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir("..", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if !isType(v.Type, typeName, f.Name.Name == "role") {
					continue
				}
				for _, x := range v.Values {
					lit, ok := x.(*ast.BasicLit)
					if !ok {
						t.Errorf("%s: a %s that is no literal", files.Position(x.Pos()), typeName)
						continue
					}
					text, err := strconv.Unquote(lit.Value)
					if err != nil {
						return err
					}
					found[text] = files.Position(x.Pos()).String()
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func isType(x ast.Expr, name string, inRole bool) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return inRole && x.Name == name
	case *ast.SelectorExpr:
		pkg, ok := x.X.(*ast.Ident)
		return ok && pkg.Name == "role" && x.Sel.Name == name
	}
	return false
}

// TestEveryCounterHasASeries: none is missed, none is invented, no two are the same.
func TestEveryCounterHasASeries(t *testing.T) {
	declared := constants(t, "Counter")
	if len(declared) < 50 {
		t.Fatalf("only %d counters found", len(declared))
	}
	for name, where := range declared {
		if _, ok := counters[role.Counter(name)]; !ok {
			t.Errorf("%s: %q has no row in counters.go", where, name)
		}
	}
	taken := make(map[string]role.Counter)
	for name, s := range counters {
		if _, ok := declared[string(name)]; !ok {
			t.Errorf("counters.go has %q, which nothing counts", name)
		}
		if s.family.Type != Counter || len(s.values) != len(s.family.Labels) {
			t.Errorf("%q: %s is a %s with the labels %v and gets %v", name, s.family.Name, s.family.Type, s.family.Labels, s.values)
		}
		key := s.family.Name + "{" + strings.Join(s.values, ",") + "}"
		if other, ok := taken[key]; ok {
			t.Errorf("%q and %q are both %s", name, other, key)
		}
		taken[key] = name
	}
}

// TestEveryNoticeHasASeries: mip6d_events_total begins at zero for each kind.
func TestEveryNoticeHasASeries(t *testing.T) {
	var want, got []string
	for k := range constants(t, "NoticeKind") {
		want = append(want, k)
	}
	for _, k := range kinds {
		got = append(got, string(k))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds of notices (-declared +here)\n%s", diff)
	}
}
