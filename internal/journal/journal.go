package journal

import (
	"sync"
	"time"

	"mip6d/internal/role"
)

// octets is how many of messages are kept for each entry that is, on average: most are
// shorter, and nobody can fill the memory with long ones.
const octets = 256

// Journal keeps the latest entries. It implements engine.Recorder, and may be asked by
// any goroutine.
type Journal struct {
	mu    sync.Mutex
	ring  []entry
	first int // the oldest
	kept  int // how many of the ring are in use
	size  int // octets of messages
	since time.Time
}

// entry is one thing that happened.
type entry struct {
	at   time.Time
	what any // a role.Event or a role.Effect
	took time.Duration
	err  error
}

// New returns a journal of so many entries, from a time on.
func New(limit int, now time.Time) *Journal {
	return &Journal{ring: make([]entry, limit), since: now}
}

// Heard keeps an event that is part of a mobile node's story.
func (j *Journal) Heard(now time.Time, ev role.Event) {
	switch ev := ev.(type) {
	case role.MessageIn, role.DADDone, role.AddressReady, role.DADFailed:
		j.keep(entry{at: now, what: ev})
	}
}

// Did keeps an effect that was carried out, or not, together with others in a call that
// took so long.
func (j *Journal) Did(now time.Time, e role.Effect, took time.Duration, err error) {
	switch e := e.(type) {
	case role.Send, role.SetBinding, role.ClearBinding, role.SetHomePath, role.SetDirect, role.ClearDirect,
		role.StartDAD, role.AddCareOf, role.RemoveCareOf, role.StoreRegistration, role.StoreListEntry, role.StoreLease, role.Notice:
		j.keep(entry{now, e, took, err})
	}
}

func (j *Journal) keep(e entry) {
	if len(j.ring) == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.kept == len(j.ring) {
		j.drop()
	}
	j.ring[(j.first+j.kept)%len(j.ring)] = e
	j.kept++
	for j.size += sizeOf(e.what); j.size > len(j.ring)*octets; {
		j.drop()
	}
}

// drop forgets the oldest.
func (j *Journal) drop() {
	e := &j.ring[j.first]
	j.since, j.size = e.at, j.size-sizeOf(e.what)
	*e = entry{}
	j.first = (j.first + 1) % len(j.ring)
	j.kept--
}

func sizeOf(what any) int {
	switch what := what.(type) {
	case role.MessageIn:
		return cap(what.Raw)
	case role.Send:
		return cap(what.Raw)
	}
	return 0
}

// entries returns a copy, the oldest first.
func (j *Journal) entries() ([]entry, time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]entry, j.kept)
	for i := range list {
		list[i] = j.ring[(j.first+i)%len(j.ring)]
	}
	return list, j.since
}
