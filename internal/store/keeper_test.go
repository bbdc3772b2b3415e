package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/role"
)

// keeper opens a store at a time.
func keeper(t *testing.T, s Store, at Clock) *Keeper {
	t.Helper()
	k, err := NewKeeper(s, func() (Clock, error) { return at, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func after(d time.Duration) Clock {
	c := clock0
	c.Boot, c.Now = c.Boot+d, c.Now.Add(d)
	return c
}

// rebooted is a clock of another boot.
func rebooted(wall time.Duration) Clock {
	return Clock{BootID: [16]byte{9}, Boot: 20 * time.Second, Now: clock0.Now.Add(wall)}
}

func TestABatchIsOneCommit(t *testing.T) {
	f := new(Fake)
	k := keeper(t, f, clock0)
	if errs := k.Apply([]role.Effect{
		role.StoreRegistration{Registration: router()}, role.StoreListEntry{Entry: entry()}, role.StoreLease{Lease: lease()},
	}); errs != nil {
		t.Fatal(errs)
	}
	if len(f.Commits) != 1 || len(f.Commits[0]) != 4 {
		t.Fatalf("%d commits", len(f.Commits))
	}
	left := keeper(t, f, clock0).Restored()
	want := role.Restored{Registrations: []role.Registration{router()}, Entries: []role.ListEntry{entry()}, Leases: []role.Lease{lease()}}
	if diff := cmp.Diff(want, left, same); diff != "" {
		t.Error(diff)
	}
	k.Apply([]role.Effect{
		role.StoreRegistration{Registration: role.Registration{HomeAddress: hoa}},
		role.StoreListEntry{Entry: entry(), Drop: true},
		role.StoreLease{Lease: lease(), Drop: true},
	})
	if left := keeper(t, f, clock0).Restored(); len(left.Registrations)+len(left.Entries)+len(left.Leases) > 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestAFailedCommitFailsAll(t *testing.T) {
	full := errors.New("no space left on device")
	f := &Fake{Err: full}
	var health []error
	k, err := NewKeeper(f, func() (Clock, error) { return clock0, nil }, func(err error) { health = append(health, err) })
	if err != nil {
		t.Fatal(err)
	}
	errs := k.Apply([]role.Effect{role.StoreRegistration{Registration: router()}, role.StoreListEntry{Entry: entry()}})
	if len(errs) != 2 || !errors.Is(errs[0], full) || !errors.Is(errs[1], full) {
		t.Errorf("%v", errs)
	}
	f.Err = nil
	k.Apply([]role.Effect{role.StoreListEntry{Entry: entry()}})
	if len(health) != 2 || health[0] == nil || health[1] != nil {
		t.Errorf("health: %v", health)
	}
	if errs := k.Apply([]role.Effect{role.AddCareOf{}}); errs == nil {
		t.Error("a foreign effect was accepted")
	}
}

// TestLifetimesGoOnByTheRightClock: within a boot the wall clock may jump as it
// likes; across boots it counts, unless it has gone back.
func TestLifetimesGoOnByTheRightClock(t *testing.T) {
	jumped := func(c Clock, by time.Duration) Clock {
		c.Now = c.Now.Add(by)
		return c
	}
	const left = 500 * time.Second // of router()'s lifetime, at clock0
	for _, c := range []struct {
		name string
		at   Clock
		want time.Duration
	}{
		{"at once", clock0, left},
		{"a minute later", after(time.Minute), left - time.Minute},
		{"the wall clock jumps ahead", jumped(after(time.Minute), 30*24*time.Hour), left - time.Minute},
		{"and back", jumped(after(time.Minute), -30*24*time.Hour), left - time.Minute},
		{"after the end", after(501 * time.Second), -time.Second},
		{"after the end, and the wall clock has gone back", jumped(after(501*time.Second), -time.Hour), -time.Second},
		{"another boot, a minute later", rebooted(time.Minute), left - time.Minute},
		{"another boot, after the end", rebooted(501 * time.Second), -time.Second},
		{"another boot, and the wall clock has gone back", rebooted(-10 * 365 * 24 * time.Hour), left},
		{"another boot, and the wall clock has jumped ahead", rebooted(365 * 24 * time.Hour), left - 365*24*time.Hour},
		{"a snapshot of the machine is begun again", after(-999 * time.Second), 600 * time.Second}, // never more than granted
	} {
		t.Run(c.name, func(t *testing.T) {
			f := new(Fake)
			keeper(t, f, clock0).Apply([]role.Effect{
				role.StoreRegistration{Registration: router()}, role.StoreListEntry{Entry: entry()}, role.StoreLease{Lease: lease()},
			})
			for range 2 { // a new boot rewrites the records, which must say the same then
				r := keeper(t, f, c.at).Restored()
				if got := r.Registrations[0].Binding.Expires.Sub(c.at.Now); got != c.want {
					t.Errorf("%v left, want %v", got, c.want)
				}
				if got, want := r.Entries[0].Until.Sub(c.at.Now), c.want-80*time.Second; c.want < 600*time.Second && got != want {
					t.Errorf("list entry: %v left, want %v", got, want)
				}
				if !r.Leases[0].Until.Equal(r.Entries[0].Until) { // the same at clock0
					t.Errorf("lease: %v, the list entry's end is %v", r.Leases[0].Until, r.Entries[0].Until)
				}
			}
		})
	}
}

// TestTimeBetweenRunsCountsFromTheLastCommit: not from when the binding was made.
func TestTimeBetweenRunsCountsFromTheLastCommit(t *testing.T) {
	f := new(Fake)
	keeper(t, f, clock0).Apply([]role.Effect{role.StoreRegistration{Registration: router()}})
	// The wall clock is put right by a day, then the run ends.
	end := after(100 * time.Second)
	end.Now = end.Now.Add(24 * time.Hour)
	if err := keeper(t, f, end).Close(); err != nil {
		t.Fatal(err)
	}
	at := Clock{BootID: [16]byte{9}, Boot: time.Second, Now: end.Now.Add(50 * time.Second)}
	if got := keeper(t, f, at).Restored().Registrations[0].Binding.Expires.Sub(at.Now); got != 350*time.Second {
		t.Errorf("%v left, want 350 s", got)
	}
}

func TestUnreadableRecordsAreDamage(t *testing.T) {
	good := encodeRegistration(router(), clock0)
	for name, changes := range map[string][]Change{
		"no clocks":          {{Registrations, good}},
		"a bad registration": {{meta, encodeClock(clock0)}, {Registrations, Item{good.Key, good.Value[1:]}}},
		"a bad list entry":   {{meta, encodeClock(clock0)}, {ListEntries, good}},
		"bad clocks":         {{meta, Item{clockKey, []byte("x")}}},
	} {
		f := new(Fake)
		if err := f.Commit(changes); err != nil {
			t.Fatal(err)
		}
		if _, err := NewKeeper(f, func() (Clock, error) { return clock0, nil }, nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadClock(t *testing.T) {
	a, err := ReadClock()
	if err != nil {
		t.Fatal(err)
	}
	b, err := ReadClock()
	if err != nil || a.BootID != b.BootID || a.BootID == [16]byte{} || b.Boot < a.Boot || a.Boot == 0 {
		t.Errorf("%+v, then %+v (%v)", a, b, err)
	}
}
