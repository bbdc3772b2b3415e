package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParseChanges: what is parsed is what would be written.
func FuzzParseChanges(f *testing.F) {
	f.Add(appendChanges(nil, append(put1("key", "value"), Change{meta, Item{Key: []byte("gone")}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		changes, err := parseChanges(b)
		if err != nil {
			return
		}
		if again := appendChanges(nil, changes); !cmp.Equal(again, b) && len(b) > 0 {
			t.Errorf("%x becomes %x", b, again)
		}
	})
}

// FuzzJournal: whatever is in the file, it is refused, or read, gone on with and read again.
func FuzzJournal(f *testing.F) {
	file := append(appendHeader(nil, identity{1}, 2), make([]byte, headerSector-headerLen)...)
	file = appendFrame(file, 2, headerSector, put1("key", "value"))
	f.Add(file)
	f.Add(appendFrame(file, 2, int64(len(file)), put1("key", "another")))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "journal")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, _, err := openJournal(path, identity{1}, 0)
		if err != nil {
			return
		}
		defer j.file.Close()
		if j.number == 0 { // nothing is later than that
			return
		}
		before, err := j.read()
		if err != nil {
			t.Fatal(err)
		}
		if err := j.append(put1("more", "of it")); err != nil {
			t.Fatal(err)
		}
		after, err := j.read()
		if err != nil || len(after) != len(before)+1 {
			t.Errorf("%d changes, and then %d (%v)", len(before), len(after), err)
		}
	})
}
