package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	// foldAt is how much a journal holds at most before it is folded into the tree: many records share a
	// page of the tree then, however many there are in it. With a small tree a foldPart of that is enough,
	// and the next start has less to read.
	foldAt   = 4 << 20
	foldPart = 4

	// fullAt is how much one holds at most where the tree can't be written.
	fullAt = 4 * foldAt

	// foldAgain is how much more one holds before that is tried again.
	foldAgain = foldAt / 4

	// treeAt is how many changes of one commit are not worth a journal.
	treeAt = 4096
)

// Journaled is a Store of a tree and two journals. A commit is appended to one journal, at a cost that does
// not depend on how much is in the tree. When that is long the other one takes its turn, and what it has is
// folded into the tree meanwhile, on a goroutine of its own. So the tree is behind, and what is
// in a journal that the tree does not know is read after it.
type Journaled struct {
	tree   *Bolt
	dir    string
	active *journal // commits go here
	other  *journal // is in the tree, or about to be; nil: never needed yet

	// left is what the tree does not know of what an earlier run has committed, until the first commit.
	left map[Table][]Change

	folding chan error // how the fold of other ends, until then the tree is the fold's; nil: none is under way
	failed  error      // why the last one did
	turnAt  int64      // the active journal's length at which the other one takes its turn
	limits  limits
}

// limits are foldAt, fullAt, foldAgain and treeAt.
type limits struct {
	fold, full, again int64
	tree              int // treeAt
}

// journalNames are those of the two journals, in the tree's directory.
var journalNames = [...]string{"mip6d.journal-0", "mip6d.journal-1"}

// OpenJournaled opens the store in a directory, which is made if need be. The errors are OpenBolt's, and
// ErrDamaged where a journal can't be read or has no tree.
func OpenJournaled(dir string) (*Journaled, error) {
	if err := orphans(dir); err != nil {
		return nil, err
	}
	tree, err := OpenBolt(dir)
	if err != nil {
		return nil, err
	}
	s := &Journaled{tree: tree, dir: dir, limits: limits{foldAt, fullAt, foldAgain, treeAt}}
	if err := s.openJournals(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// orphans is an error where there are journals and no tree: what they say is not all there was.
func orphans(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, fileName)); !errors.Is(err, os.ErrNotExist) {
		return nil // whatever else is wrong, OpenBolt says
	}
	for _, name := range journalNames {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("%w: there is %s without %s", ErrDamaged, filepath.Join(dir, name), fileName)
		}
	}
	return nil
}

// openJournals goes on with the later of the journals that are there.
func (s *Journaled) openJournals() error {
	committed := make(map[*journal][]Change)
	for _, name := range journalNames {
		j, changes, err := openJournal(filepath.Join(s.dir, name), s.tree.id, s.tree.folded)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		committed[j] = changes
		if s.active != nil && s.active.number > j.number {
			s.other = j
		} else {
			s.active, s.other = j, s.active
		}
	}
	s.left = make(map[Table][]Change)
	for _, j := range s.unfolded() {
		for _, c := range committed[j] {
			s.left[c.Table] = append(s.left[c.Table], c)
		}
	}
	s.turnAt = s.foldAt()
	switch {
	case s.active == nil:
		var err error
		s.active, err = s.create()
		return err
	case s.active.number <= s.tree.folded:
		return s.active.begin(s.last() + 1)
	}
	return nil
}

// create makes the journal that is missing.
func (s *Journaled) create() (*journal, error) {
	path := filepath.Join(s.dir, journalNames[0])
	if s.active != nil && s.active.path == path {
		path = filepath.Join(s.dir, journalNames[1])
	}
	j, err := createJournal(path, s.tree.id, s.last()+1)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if err := syncDir(s.dir); err != nil {
		return nil, errors.Join(err, j.file.Close(), os.Remove(path))
	}
	return j, nil
}

// last is the greatest number that was ever used.
func (s *Journaled) last() uint64 {
	n := s.tree.folded
	for _, j := range s.unfolded() {
		n = max(n, j.number)
	}
	return n
}

// unfolded are the journals that have what the tree does not know, the earlier one first.
func (s *Journaled) unfolded() (list []*journal) {
	for _, j := range []*journal{s.other, s.active} {
		if j != nil && j.number > s.tree.folded {
			list = append(list, j)
		}
	}
	return list
}

// foldAt is how much the active journal is to hold. No fold may be under way.
func (s *Journaled) foldAt() int64 {
	return min(s.limits.fold, max(s.tree.size()/foldPart, journalStep))
}

// Load implements Store.
func (s *Journaled) Load(t Table) ([]Item, error) {
	s.wait()
	items, err := s.tree.Load(t)
	if err != nil {
		return nil, err
	}
	changes := make([]Change, 0, len(items)+len(s.left[t]))
	for _, it := range items {
		changes = append(changes, Change{t, it})
	}
	if s.left != nil {
		changes = append(changes, s.left[t]...)
	} else if changes, err = s.appendJournals(changes, t); err != nil {
		return nil, err
	}
	items = items[:0]
	for _, c := range latest(changes) {
		if c.Value != nil {
			items = append(items, c.Item)
		}
	}
	return items, nil
}

// appendJournals appends what the tree does not know of a table.
func (s *Journaled) appendJournals(list []Change, t Table) ([]Change, error) {
	for _, j := range s.unfolded() {
		changes, err := j.read()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", j.path, err)
		}
		for _, c := range changes {
			if c.Table == t {
				list = append(list, c)
			}
		}
	}
	return list, nil
}

// Commit implements Store.
func (s *Journaled) Commit(changes []Change) error {
	s.left = nil
	if len(changes) > s.limits.tree && s.commitToTree(changes) == nil {
		return nil
	}
	s.look()
	if s.active.end >= min(s.turnAt, s.limits.full) && s.folding == nil {
		s.turn()
	}
	for s.active.end >= s.limits.full {
		if s.wait(); s.failed != nil {
			return fmt.Errorf("%s is full, and %s can't be written: %w", s.active.path, s.Name(), s.failed)
		}
		s.turn()
	}
	return s.active.append(changes)
}

// commitToTree folds all there is, and commits to the tree. After an error all is in the journals still.
func (s *Journaled) commitToTree(changes []Change) error {
	s.wait()
	if err := s.foldOther(); err != nil {
		return err
	}
	if err := s.swap(); err != nil {
		return err
	}
	if err := s.foldOther(); err != nil {
		return err
	}
	return s.tree.Commit(changes)
}

// turn has the other journal take its turn if it is free, and what is not active then folded.
func (s *Journaled) turn() {
	s.turnAt = s.active.end + s.limits.again
	if s.free() {
		if s.failed = s.swap(); s.failed != nil {
			return
		}
	}
	done := make(chan error, 1)
	s.folding = done
	go func() { done <- s.foldOther() }()
}

// free says whether the tree has all that is in the other journal.
func (s *Journaled) free() bool { return s.other == nil || s.other.number <= s.tree.folded }

// swap makes an empty journal of the other one, which is free, and that the active one.
func (s *Journaled) swap() (err error) {
	next := s.other
	if next == nil {
		next, err = s.create()
	} else {
		err = next.begin(s.last() + 1)
	}
	if err == nil {
		s.active, s.other, s.turnAt = next, s.active, s.foldAt()
	}
	return err
}

// foldOther puts what the other journal has into the tree, if it is not there. The active one is never folded: were
// the tree to fail and to have it all the same, what comes to that journal next would be lost.
func (s *Journaled) foldOther() error {
	if s.free() {
		return nil
	}
	changes, err := s.other.read()
	if err != nil {
		return fmt.Errorf("read %s: %w", s.other.path, err)
	}
	return s.tree.fold(s.other.number, changes)
}

// look notes how the fold ended that was under way, if it has.
func (s *Journaled) look() {
	select {
	case s.failed = <-s.folding:
		s.folding = nil
	default:
	}
}

// wait waits for the fold that is under way.
func (s *Journaled) wait() {
	if s.folding != nil {
		s.failed = <-s.folding
		s.folding = nil
	}
}

// Name implements Store.
func (s *Journaled) Name() string { return s.tree.Name() }

// Close implements Store.
func (s *Journaled) Close() error {
	s.wait()
	var errs []error
	for _, j := range []*journal{s.active, s.other} {
		if j != nil {
			errs = append(errs, j.file.Close())
		}
	}
	return errors.Join(append(errs, s.tree.Close())...)
}
