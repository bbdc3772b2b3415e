package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"mip6d/internal/role"
)

// node is one of many.
func node(i int) role.Registration {
	r := router()
	a := hoa.As16()
	binary.BigEndian.PutUint32(a[8:], uint32(i))
	r.HomeAddress = netip.AddrFrom16(a)
	r.Binding.HomeAddress, r.Binding.MobilePrefixes = r.HomeAddress, nil
	r.Binding.Expires = time.Now().Add(500 * time.Second)
	return r
}

// openDir opens a store and fails on damage.
func openDir(t testing.TB, dir string) *Keeper {
	t.Helper()
	k, err := Open(dir, nil, func(name string, err error) { t.Fatalf("put aside as %s: %v", name, err) })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func fill(t testing.TB, k *Keeper, n int) {
	t.Helper()
	var effects []role.Effect
	for i := range n {
		effects = append(effects, role.StoreRegistration{Registration: node(i)})
	}
	if errs := k.Apply(effects); errs != nil {
		t.Fatal(errs[0])
	}
}

func TestStoreComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "if need be")
	k := openDir(t, dir)
	fill(t, k, 300)
	k.Apply([]role.Effect{role.StoreRegistration{Registration: role.Registration{HomeAddress: node(7).HomeAddress}}})
	// Not closed: a crash. Only the lock must go.
	if err := k.store.(*Journaled).tree.db.Close(); err != nil {
		t.Fatal(err)
	}
	again := openDir(t, dir)
	defer again.Close()
	if n := len(again.Restored().Registrations); n != 299 {
		t.Errorf("%d registrations, want 299", n)
	}
	if info, err := os.Stat(filepath.Join(dir, fileName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v)", info.Mode(), err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	k := openDir(t, dir)
	if _, err := Open(dir, nil, func(string, error) { t.Error("put aside while it is in use") }); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openDir(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWhatCantBeReadIsKeptAside: whole and under another name, with an error that
// says why.
func TestWhatCantBeReadIsKeptAside(t *testing.T) {
	foreign := func(path string, with func(tx *bolt.Tx) error) error {
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			return err
		}
		return errors.Join(db.Update(with), db.Close())
	}
	ours := func(path string, n int) error {
		b, err := OpenBolt(filepath.Dir(path))
		if err != nil {
			return err
		}
		k, err := NewKeeper(b, ReadClock, nil)
		if err != nil {
			return err
		}
		fill(t, k, n)
		return k.Close()
	}
	for _, c := range []struct {
		name string
		make func(path string) error
		want string
	}{
		{"a text", func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("hello\n", 9000)), 0o600) }, "invalid"},
		{"a short text", func(path string) error { return os.WriteFile(path, []byte("hello\n"), 0o600) }, ""},
		{"another program's", func(path string) error {
			return foreign(path, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("meta")); return err })
		}, "no store of mip6d's"},
		{"a later format", func(path string) error {
			return foreign(path, func(tx *bolt.Tx) error {
				b, err := tx.CreateBucket([]byte(meta))
				return errors.Join(err, b.Put(schemaKey, []byte("mip6d 3")))
			})
		}, `its format is "mip6d 3"`},
		{"cut off", func(path string) error {
			return errors.Join(ours(path, 500), os.Truncate(path, 3*4096))
		}, "cut off"},
		{"a record that has rotted", func(path string) error {
			err := ours(path, 1)
			b, rerr := os.ReadFile(path)
			at := strings.LastIndex(string(b), string(coaBytes()))
			if at < 0 {
				return errors.New("no record found")
			}
			for ; at >= 0; at = strings.LastIndex(string(b[:at]), string(coaBytes())) {
				b[at+7] ^= 1
			}
			return errors.Join(err, rerr, os.WriteFile(path, b, 0o600))
		}, "checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var kept string
			var why error
			k, err := Open(dir, nil, func(name string, err error) { kept, why = name, err })
			if err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			if !errors.Is(why, ErrDamaged) || !strings.Contains(why.Error(), c.want) {
				t.Errorf("the error is: %v", why)
			}
			t.Log(why)
			after, err := os.ReadFile(kept)
			if err != nil || !cmp.Equal(before, after) {
				t.Errorf("kept as %s: %d octets of %d (%v)", kept, len(after), len(before), err)
			}
			if left := k.Restored(); len(left.Registrations) > 0 {
				t.Errorf("the new store has %d registrations", len(left.Registrations))
			}
			fill(t, k, 1)
		})
	}
}

func coaBytes() []byte { a := coa.As16(); return a[:] }

// TestRotNeverEndsTheProcess: whatever octets of the file are changed, it is put
// aside, or read as it was.
func TestRotNeverEndsTheProcess(t *testing.T) {
	origin := t.TempDir()
	k := openDir(t, origin)
	fill(t, k, 200)
	for i := range 20 { // pages that were free, and are used again
		k.Apply([]role.Effect{role.StoreRegistration{Registration: node(i)}})
	}
	want := 200
	if err := k.store.(*Journaled).commitToTree(nil); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(origin, fileName))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	aside, same := 0, 0
	for range 300 {
		dir := t.TempDir()
		bad := append([]byte(nil), good...)
		at := rng.IntN(len(bad)/16) * 16
		if rng.IntN(2) == 0 { // page headers are where it hurts
			at = at / 4096 * 4096
		}
		for i := range 1 + rng.IntN(16) {
			bad[at+i] = byte(rng.Uint32())
		}
		if err := os.WriteFile(filepath.Join(dir, fileName), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		put := false
		k, err := Open(dir, nil, func(string, error) { put = true })
		if err != nil {
			t.Fatal(err)
		}
		n := len(k.Restored().Registrations)
		if k.Close(); put {
			aside++
			want := 0
			if n != want {
				t.Errorf("at %d: put aside, and %d registrations", at, n)
			}
			continue
		}
		same++
		if n != want {
			t.Errorf("at %d: %d registrations of %d, and nothing is said", at, n, want)
		}
	}
	t.Logf("%d put aside, %d read as they were", aside, same)
	if aside == 0 || same == 0 {
		t.Error("one kind never happened")
	}
}

func TestAsideNeverReplaces(t *testing.T) {
	dir := t.TempDir()
	for n := range 3 {
		if err := os.WriteFile(filepath.Join(dir, fileName), []byte(fmt.Sprint(n)), 0o600); err != nil {
			t.Fatal(err)
		}
		name, err := putAside(dir, ".damaged")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != fmt.Sprint(n) {
			t.Errorf("%s holds %q (%v)", name, got, err)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 3 {
		t.Errorf("%v", files)
	}
}

func TestADirectoryThatCantBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, nil, nil); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("a file as directory: %v", err)
	}
}

// BenchmarkCommit is what a batch costs with 10,000 bindings in the store, the
// disk's part included: set TMPDIR to a directory of the disk in question.
func BenchmarkCommit(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			k := openDir(b, b.TempDir())
			defer k.Close()
			fill(b, k, 10_000)
			rng := rand.New(rand.NewPCG(1, 2))
			effects := make([]role.Effect, batch)
			for b.Loop() {
				for i := range effects {
					effects[i] = role.StoreRegistration{Registration: node(rng.IntN(10_000))}
				}
				if errs := k.Apply(effects); errs != nil {
					b.Fatal(errs[0])
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/registration")
		})
	}
}

// BenchmarkOpen is what a start costs, the check of every page included.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			k := openDir(b, dir)
			fill(b, k, n)
			k.Close()
			for b.Loop() {
				k := openDir(b, dir)
				if len(k.Restored().Registrations) != n {
					b.Fatal(len(k.Restored().Registrations))
				}
				k.Close()
			}
		})
	}
}
