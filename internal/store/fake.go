package store

import (
	"maps"
	"slices"
)

// Fake is a Store without a disk. The zero value is empty.
type Fake struct {
	Err     error      // what Commit answers, changing nothing
	Commits [][]Change // that succeeded

	records map[Table]map[string][]byte
}

// Load implements Store.
func (f *Fake) Load(t Table) ([]Item, error) {
	var list []Item
	for _, k := range slices.Sorted(maps.Keys(f.records[t])) {
		list = append(list, Item{[]byte(k), f.records[t][k]})
	}
	return list, nil
}

// Commit implements Store.
func (f *Fake) Commit(changes []Change) error {
	if f.Err != nil {
		return f.Err
	}
	f.Commits = append(f.Commits, changes)
	if f.records == nil {
		f.records = make(map[Table]map[string][]byte)
	}
	for _, c := range changes {
		if f.records[c.Table] == nil {
			f.records[c.Table] = make(map[string][]byte)
		}
		if c.Value == nil {
			delete(f.records[c.Table], string(c.Key))
		} else {
			f.records[c.Table][string(c.Key)] = slices.Clone(c.Value)
		}
	}
	return nil
}

// Name implements Store.
func (*Fake) Name() string { return "fake" }

// Close implements Store.
func (*Fake) Close() error { return nil }
