package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// checker compares the source of one module with a table.
type checker struct {
	module string
	rooms  []Room
	files  *token.FileSet
	root   string
	wrong  []string
}

// Check reads all Go files below root, which hold the module of that name, and
// returns what breaks the table, as file:line: what.
func Check(root, module string, rooms []Room) ([]string, error) {
	c := &checker{module: module, rooms: rooms, files: token.NewFileSet(), root: root}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return c.skip(name, e)
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			return c.file(name)
		}
		return nil
	})
	slices.Sort(c.wrong)
	return c.wrong, err
}

// skip leaves out what the go command leaves out, modules within the module,
// and what is built.
func (c *checker) skip(name string, e fs.DirEntry) error {
	if name == c.root {
		return nil
	}
	base := e.Name()
	if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || name == filepath.Join(c.root, "build") {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}

func (c *checker) failf(pos token.Pos, format string, args ...any) {
	p := c.files.Position(pos)
	rel, err := filepath.Rel(c.root, p.Filename)
	if err != nil {
		rel = p.Filename
	}
	c.wrong = append(c.wrong, fmt.Sprintf("%s:%d: %s", filepath.ToSlash(rel), p.Line, fmt.Sprintf(format, args...)))
}

// file checks one file.
func (c *checker) file(name string) error {
	f, err := parser.ParseFile(c.files, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(c.root, filepath.Dir(name))
	if err != nil {
		return err
	}
	dir := filepath.ToSlash(rel)
	room := c.room(dir)
	if room == nil {
		c.failf(f.Name.Pos(), "%s stands in no room: add it to internal/archtest/rooms.go and docs/architecture.md", dir)
		return nil
	}
	pure := room.Pure || slices.Contains(room.PureFiles, filepath.Base(name))
	names := make(map[string]string) // as what the file knows an imported package
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if why := c.forbidden(room, dir, pure, p); why != "" {
			c.failf(spec.Pos(), "%s may not import %s: %s", dir, p, why)
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			c.failf(spec.Pos(), "%s imports all names of %s: write them with their package", dir, p)
		}
		names[name] = p
	}
	if pure {
		c.body(f, dir, names)
	}
	return nil
}

// room finds the row of a directory.
func (c *checker) room(dir string) *Room {
	for i, r := range c.rooms {
		base, below := strings.CutSuffix(r.Path, "/...")
		if dir == base || below && strings.HasPrefix(dir, base+"/") {
			return &c.rooms[i]
		}
	}
	return nil
}

// forbidden says why a room may not import a package; empty if it may.
func (c *checker) forbidden(room *Room, dir string, pure bool, p string) string {
	first, _, _ := strings.Cut(p, "/")
	switch {
	case p == c.module || strings.HasPrefix(p, c.module+"/"):
		other := strings.TrimPrefix(p, c.module+"/")
		if c.room(other) == nil {
			return "it stands in no room"
		}
		// A room with /... is one house, whose parts know each other.
		if base, below := strings.CutSuffix(room.Path, "/..."); below && strings.HasPrefix(other, base+"/") {
			return ""
		}
		if other != dir && !slices.Contains(room.Rooms, Any) && !slices.Contains(room.Rooms, other) {
			return "its room does not say so"
		}
	case p == "C":
		return "there is no C here"
	case strings.Contains(first, "."):
		if !within(p, room.Modules) {
			return "its room does not say so"
		}
		if pure && (room.Pure || p != sys) {
			return "it is pure"
		}
	case pure && !slices.Contains(pureStd, p):
		return "it is pure"
	}
	return ""
}

func within(p string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return m == Any || p == m || strings.HasPrefix(p, m+"/") })
}

// body looks for clocks, output and goroutines in a pure file.
func (c *checker) body(f *ast.File, dir string, names map[string]string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			c.failf(n.Pos(), "%s is pure and starts a goroutine", dir)
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if !ok {
				break
			}
			p := names[x.Name]
			if slices.Contains(impure[p], n.Sel.Name) || p == sys && !isConstant(n.Sel.Name) {
				c.failf(n.Pos(), "%s is pure and uses %s.%s", dir, p, n.Sel.Name)
			}
		}
		return true
	})
}

// isConstant says whether a name is one of the kernel's numbers, as
// golang.org/x/sys/unix writes them: AF_INET6, SizeofRtAttr.
func isConstant(name string) bool {
	return name == strings.ToUpper(name) || strings.HasPrefix(name, "Sizeof")
}
