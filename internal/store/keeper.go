package store

import (
	"fmt"
	"time"

	"mip6d/internal/role"
)

// Keeper carries out StoreRegistration, StoreListEntry and StoreLease. It is an engine.Applier:
// all of a batch is one commit, before what depends on it is sent.
type Keeper struct {
	store  Store
	clock  func() (Clock, error)
	health func(error)
	left   role.Restored
}

// NewKeeper reads what an earlier run has left. health hears how each commit ended;
// nil: nobody wants to know. An error with ErrDamaged says that the store can't be
// read.
func NewKeeper(s Store, clock func() (Clock, error), health func(error)) (*Keeper, error) {
	if health == nil {
		health = func(error) {}
	}
	k := &Keeper{store: s, clock: clock, health: health}
	if err := k.load(); err != nil {
		return nil, fmt.Errorf("read %s: %w", s.Name(), err)
	}
	return k, nil
}

// Restored hands over what an earlier run has left, with this run's times, once: there
// may be much of it.
func (k *Keeper) Restored() role.Restored {
	left := k.left
	k.left = role.Restored{}
	return left
}

// Close closes the store, after a note of when that was: what comes after another
// boot counts from there.
func (k *Keeper) Close() error {
	if now, err := k.clock(); err == nil {
		_ = k.store.Commit([]Change{{meta, encodeClock(now)}}) // only a better estimate is lost
	}
	return k.store.Close()
}

func (k *Keeper) load() error {
	now, err := k.clock()
	if err != nil {
		return err
	}
	metas, err := k.store.Load(meta)
	if err != nil {
		return err
	}
	last, known := now, false
	for _, it := range metas {
		if string(it.Key) == string(clockKey) {
			if last, err = decodeClock(it); err != nil {
				return err
			}
			known = true
		}
	}
	registrations, err := k.store.Load(Registrations)
	if err != nil {
		return err
	}
	entries, err := k.store.Load(ListEntries)
	if err != nil {
		return err
	}
	leases, err := k.store.Load(Leases)
	if err != nil {
		return err
	}
	if !known && len(registrations)+len(entries)+len(leases) > 0 {
		return fmt.Errorf("nothing says what its times count from: %w", ErrDamaged)
	}
	changes := []Change{{meta, encodeClock(now)}}
	for _, it := range registrations {
		r, err := decodeRegistration(it, now, last)
		if err != nil {
			return err
		}
		k.left.Registrations = append(k.left.Registrations, r)
		changes = append(changes, Change{Registrations, encodeRegistration(r, now)})
	}
	for _, it := range entries {
		e, err := decodeListEntry(it, now, last)
		if err != nil {
			return err
		}
		k.left.Entries = append(k.left.Entries, e)
		changes = append(changes, Change{ListEntries, encodeListEntry(e, now)})
	}
	for _, it := range leases {
		l, err := decodeLease(it, now, last)
		if err != nil {
			return err
		}
		k.left.Leases = append(k.left.Leases, l)
		changes = append(changes, Change{Leases, encodeLease(l, now)})
	}
	if last.BootID == now.BootID {
		return nil
	}
	// All times now count from this boot.
	return k.store.Commit(changes)
}

// Apply commits a batch of effects.
func (k *Keeper) Apply(effects []role.Effect) []error {
	err := k.commit(effects)
	k.health(err)
	if err == nil {
		return nil
	}
	errs := make([]error, len(effects))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

func (k *Keeper) commit(effects []role.Effect) error {
	now, err := k.clock()
	if err != nil {
		return err
	}
	changes := make([]Change, 0, len(effects)+1)
	for _, e := range effects {
		c, err := change(e, now)
		if err != nil {
			return err
		}
		changes = append(changes, c)
	}
	changes = append(changes, Change{meta, encodeClock(now)})
	if err := k.store.Commit(changes); err != nil {
		return fmt.Errorf("commit to %s: %w", k.store.Name(), err)
	}
	return nil
}

func change(e role.Effect, now Clock) (Change, error) {
	switch e := e.(type) {
	case role.StoreRegistration:
		if e.Registration.Empty() {
			return Change{Registrations, Item{Key: keyOf(e.Registration.HomeAddress)}}, nil
		}
		return Change{Registrations, encodeRegistration(e.Registration, now)}, nil
	case role.StoreListEntry:
		if e.Drop {
			return Change{ListEntries, Item{Key: listEntryKey(e.Entry)}}, nil
		}
		return Change{ListEntries, encodeListEntry(e.Entry, now)}, nil
	case role.StoreLease:
		if e.Drop {
			return Change{Leases, Item{Key: leaseKey(e.Lease)}}, nil
		}
		return Change{Leases, encodeLease(e.Lease, now)}, nil
	}
	return Change{}, fmt.Errorf("%T is nothing that is stored", e)
}

// asideFormat is the end of the name of a store that was put aside.
const asideFormat = ".damaged-20060102T150405Z"

// Open opens the store in a directory, which is made if need be. One that can't be
// read is renamed and a new one begun; aside hears of it.
func Open(dir string, health func(error), aside func(name string, err error)) (*Keeper, error) {
	k, err := openKeeper(dir, health)
	if !damaged(err) {
		return k, err
	}
	name, rerr := putAside(dir, time.Now().UTC().Format(asideFormat))
	if rerr != nil {
		return nil, fmt.Errorf("%w; and it can't be put aside: %w", err, rerr)
	}
	aside(name, err)
	return openKeeper(dir, health)
}

func openKeeper(dir string, health func(error)) (*Keeper, error) {
	s, err := OpenJournaled(dir)
	if err != nil {
		return nil, err
	}
	k, err := NewKeeper(s, ReadClock, health)
	if err != nil {
		s.Close()
		return nil, err
	}
	return k, nil
}
