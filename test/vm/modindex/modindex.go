// Package modindex knows the kernel modules of a package that was unpacked but
// never installed, where no depmod ran: names, aliases and dependencies are
// read from the modules' own .modinfo sections.
package modindex

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is one kernel module.
type Module struct {
	Name    string   // with underscores, as the kernel names it
	File    string   // relative to the directory that was read
	Depends []string // direct dependencies, and soft ones ("pre:") too
	Aliases []string
}

// Index finds modules by name or alias.
type Index struct {
	modules map[string]*Module
	aliases map[string][]string
	globs   []glob
}

type glob struct{ pattern, module string }

func newIndex() *Index {
	return &Index{modules: map[string]*Module{}, aliases: map[string][]string{}}
}

// Read reads all *.ko files below dir for which want returns true (nil: all).
// The path given to want is relative to dir.
func Read(dir string, want func(file string) bool) (*Index, error) {
	x := newIndex()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".ko" {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil || want != nil && !want(rel) {
			return err
		}
		m, err := readModule(p)
		if err != nil {
			return fmt.Errorf("kernel module %s: %w", p, err)
		}
		m.File = rel
		x.add(m)
		return nil
	})
	return x, err
}

func readModule(file string) (*Module, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("no .modinfo section")
	}
	info, err := s.Data()
	if err != nil {
		return nil, err
	}
	m := parseModinfo(info)
	if m.Name == "" {
		m.Name = canonical(strings.TrimSuffix(filepath.Base(file), ".ko"))
	}
	return m, nil
}

func parseModinfo(info []byte) *Module {
	m := new(Module)
	for item := range bytes.SplitSeq(info, []byte{0}) {
		key, value, _ := strings.Cut(string(item), "=")
		switch key {
		case "name":
			m.Name = canonical(value)
		case "alias":
			m.Aliases = append(m.Aliases, value)
		case "depends":
			for _, d := range strings.Split(value, ",") {
				if d != "" {
					m.Depends = append(m.Depends, canonical(d))
				}
			}
		case "softdep":
			if rest, ok := strings.CutPrefix(value, "pre:"); ok {
				for _, d := range strings.Fields(rest) {
					if d == "post:" {
						break
					}
					m.Depends = append(m.Depends, canonical(d))
				}
			}
		}
	}
	return m
}

// canonical: the kernel takes - and _ in module names for the same.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

func (x *Index) add(m *Module) {
	x.modules[m.Name] = m
	for _, a := range m.Aliases {
		if strings.ContainsAny(a, "*?[") {
			x.globs = append(x.globs, glob{a, m.Name})
		}
		x.aliases[canonical(a)] = append(x.aliases[canonical(a)], m.Name)
	}
}

// Len is the number of modules.
func (x *Index) Len() int { return len(x.modules) }

// Resolve returns the modules that a name or an alias stands for; none if
// unknown (or built into the kernel).
func (x *Index) Resolve(name string) []string {
	if m := x.modules[canonical(name)]; m != nil {
		return []string{m.Name}
	}
	if found := x.aliases[canonical(name)]; found != nil {
		return found
	}
	var found []string
	for _, g := range x.globs {
		if ok, err := path.Match(g.pattern, name); err == nil && ok {
			found = append(found, g.module)
		}
	}
	return found
}

// Order returns the modules that a name or alias needs, dependencies first.
// Dependencies that are not in the index are taken for built in.
func (x *Index) Order(names ...string) []*Module {
	var order []*Module
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		for _, found := range x.Resolve(name) {
			if seen[found] {
				continue
			}
			seen[found] = true
			m := x.modules[found]
			for _, d := range m.Depends {
				visit(d)
			}
			order = append(order, m)
		}
	}
	for _, n := range names {
		visit(n)
	}
	return order
}

// Marshal writes the modules as lines of tab-separated fields: name, file,
// dependencies, aliases.
func Marshal(modules []*Module) []byte {
	var b bytes.Buffer
	for _, m := range modules {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", m.Name, m.File,
			strings.Join(m.Depends, " "), strings.Join(m.Aliases, " "))
	}
	return b.Bytes()
}

// Unmarshal reads what Marshal wrote.
func Unmarshal(b []byte) (*Index, error) {
	x := newIndex()
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("module index: %d fields in %q, want 4", len(f), line)
		}
		x.add(&Module{Name: f[0], File: f[1], Depends: strings.Fields(f[2]), Aliases: strings.Fields(f[3])})
	}
	return x, nil
}

// Modules returns all modules, sorted by name.
func (x *Index) Modules() []*Module {
	all := make([]*Module, 0, len(x.modules))
	for _, m := range x.modules {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Module) int { return strings.Compare(a.Name, b.Name) })
	return all
}
