package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// small has everything happen that takes a long time else.
var small = limits{fold: 2 << 10, full: 8 << 10, again: 1 << 10, tree: 40}

func openJournaled(t testing.TB, dir string) *Journaled {
	t.Helper()
	s, err := OpenJournaled(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.limits, s.turnAt = small, small.fold
	return s
}

// crash is what the end of the process leaves: all that was written, and no lock.
func crash(t testing.TB, s *Journaled) {
	t.Helper()
	s.wait()
	if err := s.tree.db.Close(); err != nil {
		t.Fatal(err)
	}
}

func put1(key, value string) []Change {
	return []Change{{Registrations, Item{[]byte(key), []byte(value)}}}
}

// contents are all records of a table.
func contents(t testing.TB, s Store, table Table) map[string]string {
	t.Helper()
	items, err := s.Load(table)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, it := range items {
		all[string(it.Key)] = string(it.Value)
	}
	if len(all) != len(items) {
		t.Errorf("%d records with %d keys", len(items), len(all))
	}
	return all
}

// TestJournaledIsAStore: whatever is committed in whatever amounts, and whenever the process ends.
func TestJournaledIsAStore(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		s := openJournaled(t, dir)
		want := map[Table]map[string]string{Registrations: {}, ListEntries: {}, Leases: {}}
		tables := []Table{Registrations, ListEntries, Leases}
		folds := uint64(0)
		for step := range 400 {
			n := 1 + rng.IntN(4)
			if rng.IntN(50) == 0 {
				n += small.tree
			}
			var changes []Change
			for range n {
				table, key := tables[rng.IntN(len(tables))], fmt.Sprint("key", rng.IntN(30))
				c := Change{table, Item{Key: []byte(key)}}
				if rng.IntN(3) == 0 {
					delete(want[table], key)
				} else {
					c.Value = []byte(strings.Repeat(fmt.Sprint(step), 1+rng.IntN(20)))
					want[table][key] = string(c.Value)
				}
				changes = append(changes, c)
			}
			if err := s.Commit(changes); err != nil {
				t.Fatal(err)
			}
			if rng.IntN(20) > 0 {
				continue
			}
			s.wait()
			if folds = s.tree.folded; rng.IntN(2) == 0 {
				crash(t, s)
				s = openJournaled(t, dir)
			}
			for _, table := range tables {
				if diff := cmp.Diff(want[table], contents(t, s, table)); diff != "" {
					t.Fatalf("seed %d, step %d, %s (-want +got):\n%s", seed, step, table, diff)
				}
			}
		}
		if folds < 3 {
			t.Errorf("seed %d: %d folds", seed, folds)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 3 {
			t.Errorf("files: %v", files)
		}
	}
}

// TestJournalWasCutOff: a commit that was being written is there or not, and those before it are.
func TestJournalWasCutOff(t *testing.T) {
	origin := t.TempDir()
	s := openJournaled(t, origin)
	if err := s.Commit(put1("a", "1")); err != nil {
		t.Fatal(err)
	}
	before := s.active.end
	if err := s.Commit(put1("b", "2")); err != nil {
		t.Fatal(err)
	}
	after := s.active.end
	crash(t, s)
	whole, err := os.ReadFile(s.active.path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := before; cut <= after; cut++ {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
			t.Fatal(err)
		}
		torn := slices.Clone(whole)
		clear(torn[cut:])
		if err := os.WriteFile(filepath.Join(dir, journalNames[0]), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s := openJournaled(t, dir)
		want := map[string]string{"a": "1"}
		if slices.Equal(torn, whole) {
			want["b"] = "2"
		}
		if diff := cmp.Diff(want, contents(t, s, Registrations)); diff != "" {
			t.Errorf("cut at %d of %d to %d (-want +got):\n%s", cut, before, after, diff)
		}
		// What is cut off is overwritten.
		if err := s.Commit(put1("c", "3")); err != nil {
			t.Fatal(err)
		}
		crash(t, s)
		s = openJournaled(t, dir)
		want["c"] = "3"
		if diff := cmp.Diff(want, contents(t, s, Registrations)); diff != "" {
			t.Errorf("cut at %d, and gone on with (-want +got):\n%s", cut, diff)
		}
		s.Close()
	}
}

// TestDamagedJournalIsKeptAside: with the tree and the other journal, whole.
func TestDamagedJournalIsKeptAside(t *testing.T) {
	change := func(name string, f func([]byte)) func(string) error {
		return func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil {
				f(b)
				err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
			}
			return err
		}
	}
	for _, c := range []struct {
		name string
		do   func(dir string) error
		want string
	}{
		{"an octet of what was committed", change(journalNames[0], func(b []byte) { b[headerSector+frameHead+2] ^= 1 }), "are not what was written there"},
		{"an octet of the header", change(journalNames[0], func(b []byte) { b[len(journalMagic)] ^= 1 }), "checksum of its header"},
		{"no header", change(journalNames[0], func(b []byte) { clear(b[:headerSector]) }), "no journal of mip6d's"},
		{"another format", change(journalNames[0], func(b []byte) { b[len(journalMagic)-2]++ }), "of a format that this version does not know"},
		{"another store's", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, fileName)), createTree(dir))
		}, "belongs to another store"},
		{"no tree", func(dir string) error { return os.Remove(filepath.Join(dir, fileName)) }, "without mip6d.db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openJournaled(t, dir)
			for i := range 5 {
				if err := s.Commit(put1(fmt.Sprint(i), "value")); err != nil {
					t.Fatal(err)
				}
			}
			crash(t, s)
			if err := c.do(dir); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(filepath.Join(dir, journalNames[0]))
			if err != nil {
				t.Fatal(err)
			}
			var why error
			k, err := Open(dir, nil, func(_ string, err error) { why = err })
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			if !errors.Is(why, ErrDamaged) || !strings.Contains(why.Error(), c.want) {
				t.Errorf("the error is: %v", why)
			}
			kept, _ := filepath.Glob(filepath.Join(dir, journalNames[0]+".damaged-*"))
			if len(kept) != 1 {
				t.Fatalf("kept: %v", kept)
			}
			if after, err := os.ReadFile(kept[0]); err != nil || !slices.Equal(before, after) {
				t.Errorf("%d octets of %d (%v)", len(after), len(before), err)
			}
			fill(t, k, 1)
		})
	}
}

func createTree(dir string) error { return create(dir, filepath.Join(dir, fileName)) }

// TestTheTreeCantBeWritten: commits go on in the journals as long as these may grow, and no longer; nothing is lost.
func TestTheTreeCantBeWritten(t *testing.T) {
	dir := t.TempDir()
	s := openJournaled(t, dir)
	if err := s.tree.db.Close(); err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	var err error
	for i := 0; i < 1000; i++ {
		key := strconv.Itoa(i)
		if err = s.Commit(put1(key, strings.Repeat(key, 10))); err != nil {
			break
		}
		want[key] = strings.Repeat(key, 10)
		s.wait() // for a fold that fails
	}
	if err == nil || !strings.Contains(err.Error(), "is full, and") || !errors.Is(err, berrors.ErrDatabaseNotOpen) {
		t.Errorf("after %d commits: %v", len(want), err)
	}
	if least := int(small.full / 60); len(want) < least {
		t.Errorf("%d commits, want %d and more", len(want), least)
	}
	s = openJournaled(t, dir)
	defer s.Close()
	if diff := cmp.Diff(want, contents(t, s, Registrations)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// It can be written again: all is folded.
	for range 200 {
		if err := s.Commit(put1("0", "new")); err != nil {
			t.Fatal(err)
		}
		s.wait()
	}
	if want["0"] = "new"; s.tree.folded < 3 || s.active.end > small.fold+1<<10 {
		t.Errorf("%d journals are folded, the active one has %d octets", s.tree.folded, s.active.end)
	}
	if diff := cmp.Diff(want, contents(t, s, Registrations)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCommitThatFailed: what was written of it is overwritten by the next.
func TestCommitThatFailed(t *testing.T) {
	dir := t.TempDir()
	s := openJournaled(t, dir)
	if err := s.Commit(put1("a", "1")); err != nil {
		t.Fatal(err)
	}
	writable := s.active.file
	readOnly, err := os.Open(s.active.path)
	if err != nil {
		t.Fatal(err)
	}
	s.active.file = readOnly
	if err := s.Commit(put1("b", "2")); err == nil {
		t.Fatal("no error from a file that can't be written")
	}
	s.active.file = writable
	if err := s.Commit(put1("c", "3")); err != nil {
		t.Fatal(err)
	}
	crash(t, s)
	s = openJournaled(t, dir)
	defer s.Close()
	if diff := cmp.Diff(map[string]string{"a": "1", "c": "3"}, contents(t, s, Registrations)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFirstFormat: a tree without journals is gone on with.
func TestFirstFormat(t *testing.T) {
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		m, merr := tx.CreateBucket([]byte(meta))
		r, rerr := tx.CreateBucket([]byte(Registrations))
		return errors.Join(merr, rerr, m.Put(schemaKey, firstSchema), r.Put([]byte("a"), []byte("1")))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := openJournaled(t, dir)
		if diff := cmp.Diff(map[string]string{"a": "1"}, contents(t, s, Registrations)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.Close()
	}
}

// TestKilledWhileItWrites: a process of its own commits numbers and says so, and is killed. What it has said is there, and
// at most the next one.
func TestKilledWhileItWrites(t *testing.T) {
	if dir := os.Getenv("MIP6D_STORE_TO_WRITE"); dir != "" {
		s := openJournaled(t, dir)
		n := uint64(0)
		for v := range maps.Values(contents(t, s, Registrations)) {
			n = max(n, binary.BigEndian.Uint64([]byte(v)))
		}
		for {
			n++
			value := string(binary.BigEndian.AppendUint64(nil, n))
			if err := s.Commit(put1(fmt.Sprint(n%100), value)); err != nil {
				t.Fatal(err)
			}
			fmt.Println("committed", n)
		}
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	said := uint64(0)
	for round := range 20 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledWhileItWrites$")
		cmd.Env = append(os.Environ(), "MIP6D_STORE_TO_WRITE="+dir)
		var out strings.Builder
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50*time.Millisecond + time.Duration(rng.IntN(100))*time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		for line := range strings.Lines(out.String()) {
			if n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(line, "committed ")), 10, 64); err == nil {
				said = n
			}
		}
		s := openJournaled(t, dir)
		last := uint64(0)
		for k, v := range contents(t, s, Registrations) {
			n := binary.BigEndian.Uint64([]byte(v))
			if last = max(last, n); k != fmt.Sprint(n%100) || n+100 <= said {
				t.Errorf("round %d: %s holds %d, and %d was committed", round, k, n, said)
			}
		}
		if last != said && last != said+1 {
			t.Errorf("round %d: the last is %d, and %d was committed", round, last, said)
		}
		said = last // it goes on from here, and may be killed before it says so
		s.Close()
	}
	t.Logf("%d commits, %d kills", said, 20)
	if said < 1000 {
		t.Error("too few to say anything")
	}
}
