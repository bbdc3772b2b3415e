package config

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Setting is one key of the file, as its reader describes itself: the source of the
// JSON schema.
type Setting struct {
	Path     string // in the form of docs/configuration.md: a[].b
	Required bool   // where its section is
	Values   []Value
}

// Kind is what a value is to YAML.
type Kind string

// Kinds. A Switch is on, off, true or false; a Duration is text, with units.
const (
	Section  Kind = "section"
	List     Kind = "list"
	Text     Kind = "text"
	Number   Kind = "number"
	Boolean  Kind = "boolean"
	Switch   Kind = "switch"
	Duration Kind = "duration"
	Choice   Kind = "choice"
)

// Value is one kind of value that a key takes, or an element of its list.
type Value struct {
	Kind     Kind
	Want     string        // of a Text: how a message about a wrong one names it
	Format   string        // of a Text: ipv4, ipv6 or nothing
	Words    []string      // of a Choice
	Min, Max int64         // of a Number
	From, To time.Duration // of a Duration
	Elements []Value       // of a List
}

// Settings describes every key there is, in the order of the readers: a section before
// what is in it. What is in an element of the list a is below a[].
func Settings() []Setting {
	d := &decoder{keys: noKeys("/"), notes: &notes{}}
	// Readers of what may be a section or one value look at the node first: they are
	// asked with both.
	for _, kind := range []yaml.Kind{yaml.MappingNode, yaml.ScalarNode} {
		d.root(defaults(), &yaml.Node{Kind: kind, Tag: "!!str"})
	}
	return d.notes.fold()
}

// notes is what readers have told of themselves. Elements of lists have notes of
// their own, whose path ends with [].
type notes struct{ keys []Setting }

// describing notes what a key takes if that is all that is wanted of its reader, and
// says so.
func (d *decoder) describing(path string, v Value) bool {
	if d.notes == nil {
		return false
	}
	k := d.notes.at(path)
	if !slices.ContainsFunc(k.Values, func(w Value) bool { return reflect.DeepEqual(v, w) }) {
		k.Values = append(k.Values, v)
	}
	return true
}

// describingMapping is describing for a section, with what is in it.
func (d *decoder) describingMapping(path string, n *yaml.Node, fields []field) bool {
	if !d.describing(path, Value{Kind: Section}) {
		return false
	}
	for _, f := range fields {
		d.notes.at(join(path, f.key)).Required = f.need
		f.read(join(path, f.key), n)
	}
	return true
}

// at finds a key's note, or makes it.
func (s *notes) at(path string) *Setting {
	path = withoutIndices(path)
	i := slices.IndexFunc(s.keys, func(k Setting) bool { return k.Path == path })
	if i < 0 {
		i = len(s.keys)
		s.keys = append(s.keys, Setting{Path: path})
	}
	return &s.keys[i]
}

// fold moves what is noted of elements into their lists.
func (s *notes) fold() []Setting {
	var keys []Setting
	for _, k := range s.keys {
		list, element := strings.CutSuffix(k.Path, "[]")
		switch {
		case k.Path == "": // the file
		case element:
			of := slices.IndexFunc(keys, func(k Setting) bool { return k.Path == list })
			at := slices.IndexFunc(keys[of].Values, func(v Value) bool { return v.Kind == List })
			keys[of].Values[at].Elements = k.Values
		default:
			keys = append(keys, k)
		}
	}
	return keys
}
