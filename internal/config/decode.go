package config

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder reads nodes of YAML into values and collects what is wrong. Reading
// goes on after an error, so that all of them are found at once.
type decoder struct {
	file     string
	keys     keyReader
	problems Problems

	top   *yaml.Node // the whole file; nil: there is none
	notes *notes     // not nil: readers describe themselves instead of reading
}

// reader reads the value of a key.
type reader func(path string, n *yaml.Node)

// field is one key of a mapping.
type field struct {
	key  string
	need bool
	read reader
}

func required(key string, r reader) field { return field{key: key, need: true, read: r} }
func optional(key string, r reader) field { return field{key: key, read: r} }

// failf records a problem at a node.
func (d *decoder) failf(path string, n *yaml.Node, format string, args ...any) {
	p := Problem{File: d.file, Key: path, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		p.Line, p.Column = max(n.Line, 1), max(n.Column, 1)
	}
	d.problems = append(d.problems, p)
}

// wrongf records a problem with the value of a key that was read before.
func (d *decoder) wrongf(path, format string, args ...any) {
	d.failf(path, d.where(path), format, args...)
}

// isEmptyList says whether a key was there with a list of nothing.
func (d *decoder) isEmptyList(path string) bool {
	n := d.where(path)
	return n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0
}

// has says whether a key was there, whatever its value.
func (d *decoder) has(path string) bool { return d.where(path) != nil }

// enter follows an alias.
func enter(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// where finds the value of a key, with indices, in the file; nil: it is not there. It is
// asked for what is wrong, which is little, so that nothing is remembered of what is right.
func (d *decoder) where(path string) *yaml.Node {
	n := d.top
	for n != nil && path != "" {
		var key string
		key, path, _ = strings.Cut(path, ".")
		key, indices, _ := strings.Cut(key, "[")
		n = value(enter(n), key)
		for n != nil && indices != "" {
			var index string
			index, indices, _ = strings.Cut(indices, "]")
			indices = strings.TrimPrefix(indices, "[")
			i, err := strconv.Atoi(index)
			if n = enter(n); err != nil || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
				return nil
			}
			n = n.Content[i]
		}
	}
	if n == nil {
		return nil
	}
	return enter(n)
}

// value is that of a mapping's key, the first where it is there twice.
func value(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; k.Kind == yaml.ScalarNode && k.Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// mapping reads the keys of a mapping. An empty value is an empty mapping, so
// that "correspondent_node:" is enough.
func (d *decoder) mapping(path string, n *yaml.Node, fields ...field) {
	n = enter(n)
	if d.describingMapping(path, n, fields) {
		return
	}
	if n.Kind != yaml.MappingNode && !isNull(n) {
		d.failf(path, n, "wants keys with values, such as \"%s: …\", and is %s", fields0(fields), describe(n))
		return
	}
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			d.failf(path, k, "a key must be a plain word, and is %s", describe(k))
			continue
		}
		if first := seen[k.Value]; first != nil {
			d.failf(join(path, k.Value), k, "is here again; the first is in line %d: keep one", first.Line)
			continue
		}
		seen[k.Value] = k
		if f := find(fields, k.Value); f != nil {
			f.read(join(path, f.key), v)
		} else {
			d.failf(join(path, k.Value), k, "unknown key%s", d.suggest(path, k.Value, fields))
		}
	}
	for _, f := range fields {
		if f.need && seen[f.key] == nil {
			d.failf(join(path, f.key), n, "is missing: it must be given")
		}
	}
}

// list reads the elements of a sequence.
func (d *decoder) list(path string, n *yaml.Node, element func(path string, n *yaml.Node)) {
	n = enter(n)
	if d.describing(path, Value{Kind: List}) {
		element(path+"[0]", n)
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.failf(path, n, "wants a list (\"- …\" lines or [a, b]) and is %s", describe(n))
		return
	}
	for i, e := range n.Content {
		element(fmt.Sprintf("%s[%d]", path, i), e)
	}
}

// suggest names the known key that was probably meant.
func (d *decoder) suggest(path, key string, fields []field) string {
	best, distance := "", 1+len(key)/3
	for _, f := range fields {
		if len(key) > 2*len(f.key) {
			continue // nothing like it, and perhaps very long
		}
		if n := editDistance(key, f.key); n <= distance && (best == "" || n < distance) {
			best, distance = f.key, n
		}
	}
	if best != "" {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.key
	}
	if len(names) == 0 {
		return "; nothing can be set here"
	}
	where := ""
	if path != "" {
		where = " in " + path
	}
	return fmt.Sprintf("; there are%s: %s", where, strings.Join(names, ", "))
}

func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	return nil
}

func fields0(fields []field) string {
	if len(fields) == 0 {
		return "key"
	}
	return fields[0].key
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// withoutIndices makes a[0].b into a[].b, the form of docs/configuration.md.
func withoutIndices(path string) string {
	var b strings.Builder
	inside := false
	for _, r := range path {
		switch r {
		case '[':
			inside = true
			b.WriteRune(r)
		case ']':
			inside = false
			b.WriteRune(r)
		default:
			if !inside {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that make b of a.
func editDistance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
