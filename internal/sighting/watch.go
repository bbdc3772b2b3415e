package sighting

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/vishvananda/netlink"

	"mip6d/internal/role"
)

// Config of a Watch. Zero values mean the defaults.
type Config struct {
	// Homes are the home addresses whose peers are told of. Others are behind a
	// mobile router, and are none of route optimisation's business.
	Homes []netip.Addr

	// MaxPairs bounds the table; the pair that was seen the longest ago gives
	// way. 4096.
	MaxPairs uint32

	// Again is after how long a pair that goes on is told of again. 1 min.
	Again time.Duration

	// MaxRate is how many pairs are told of in a second, for each direction; what
	// is beyond comes with a packet a second later. 200.
	MaxRate int
}

const (
	defaultPairs = 4096
	defaultAgain = time.Minute
	defaultRate  = 200
	ringSize     = 1 << 16
)

// Watch is the table, its programs and their reader. Attach and Traffic may be
// called from any goroutine.
type Watch struct {
	nl             *netlink.Handle
	homes          *ebpf.Map
	pairs, records *ebpf.Map
	in, out        *ebpf.Program
	reader         *ringbuf.Reader
	maxRate        int
	again          time.Duration
}

// Open loads the programs. It needs CAP_BPF and CAP_NET_ADMIN, and Linux 5.8.
// Nothing is seen before Attach.
func Open(c Config) (_ *Watch, err error) {
	if c.MaxPairs == 0 {
		c.MaxPairs = defaultPairs
	}
	if c.Again <= 0 {
		c.Again = defaultAgain
	}
	if c.MaxRate <= 0 {
		c.MaxRate = defaultRate
	}
	w := &Watch{maxRate: c.MaxRate, again: max(c.Again, time.Second)}
	defer func() {
		if err != nil {
			_ = w.Close()
		}
	}()
	if w.nl, err = netlink.NewHandle(); err != nil {
		return nil, fmt.Errorf("open rtnetlink for the sight of peers: %w", err)
	}
	if w.pairs, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "mip6_peers", Type: ebpf.LRUHash, KeySize: uint32(binary.Size(pairKey{})), ValueSize: uint32(binary.Size(pairValue{})),
		MaxEntries: c.MaxPairs,
	}); err != nil {
		return nil, fmt.Errorf("create the table of peers: %w", err)
	}
	if w.homes, err = homesMap(c.Homes); err != nil {
		return nil, err
	}
	if w.records, err = ebpf.NewMap(&ebpf.MapSpec{Name: "mip6_sightings", Type: ebpf.RingBuf, MaxEntries: ringSize}); err != nil {
		return nil, fmt.Errorf("create the buffer for new peers: %w", err)
	}
	if w.in, err = ebpf.NewProgram(program(w.homes, w.pairs, w.records, true, c.Again.Nanoseconds())); err != nil {
		return nil, fmt.Errorf("load the program that sees peers' packets: %w", err)
	}
	if w.out, err = ebpf.NewProgram(program(w.homes, w.pairs, w.records, false, c.Again.Nanoseconds())); err != nil {
		return nil, fmt.Errorf("load the program that sees packets to peers: %w", err)
	}
	if w.reader, err = ringbuf.NewReader(w.records); err != nil {
		return nil, fmt.Errorf("read new peers: %w", err)
	}
	return w, nil
}

func homesMap(homes []netip.Addr) (*ebpf.Map, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "mip6_homes", Type: ebpf.Hash, KeySize: addrLen, ValueSize: 1, MaxEntries: uint32(len(homes) + moreHomes),
	})
	if err != nil {
		return nil, fmt.Errorf("create the table of home addresses: %w", err)
	}
	for _, h := range homes {
		if err := addHome(m, h); err != nil {
			m.Close()
			return nil, err
		}
	}
	return m, nil
}

// moreHomes is how many home addresses may come later.
const moreHomes = 256

// AddHome has a home address that came later watched as well.
func (w *Watch) AddHome(home netip.Addr) error { return addHome(w.homes, home) }

// RemoveHome undoes it. One that is not watched is fine.
func (w *Watch) RemoveHome(home netip.Addr) error {
	if err := w.homes.Delete(home.As16()); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("forget the home address %s: %w", home, err)
	}
	return nil
}

func addHome(m *ebpf.Map, home netip.Addr) error {
	if err := m.Put(home.As16(), uint8(1)); err != nil {
		return fmt.Errorf("note the home address %s: %w", home, err)
	}
	return nil
}

// Close releases everything. A filter on a device that is still there sees on,
// and tells nobody.
func (w *Watch) Close() error {
	var errs []error
	if w.reader != nil {
		errs = append(errs, w.reader.Close())
	}
	for _, p := range []*ebpf.Program{w.in, w.out} {
		errs = append(errs, p.Close())
	}
	for _, m := range []*ebpf.Map{w.homes, w.pairs, w.records} {
		errs = append(errs, m.Close())
	}
	if w.nl != nil {
		w.nl.Close()
	}
	return errors.Join(errs...)
}

// Run hands every new pair to out as role.PeerSeen until ctx ends; then it
// returns nil.
func (w *Watch) Run(ctx context.Context, out func(role.Event)) error {
	stop := context.AfterFunc(ctx, func() { _ = w.reader.Flush() }) // which interrupts Read
	defer stop()
	var second time.Time
	var told [2]int // so that a flood of strangers does not keep us from those to whom we send
	for {
		r, err := w.reader.Read()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("read new peers: %w", err)
		}
		pair, flags, ok := decode(r.RawSample)
		if !ok {
			continue
		}
		if now := time.Now(); now.Sub(second) >= time.Second {
			second, told = now, [2]int{}
		}
		direction := flags & flagInbound
		switch told[direction]++; {
		case told[direction] <= w.maxRate:
			out(role.PeerSeen{Pair: pair, Inbound: direction == flagInbound})
		case flags&flagAgain == 0:
			if err := w.postpone(pair); err != nil {
				return err
			}
		}
	}
}

// decode reads a record.
func decode(b []byte) (pair role.Pair, flags uint64, ok bool) {
	if len(b) < recordSize {
		return pair, 0, false
	}
	pair.Local = netip.AddrFrom16([addrLen]byte(b))
	pair.Peer = netip.AddrFrom16([addrLen]byte(b[addrLen:]))
	return pair, binary.NativeEndian.Uint64(b[2*addrLen:]), true
}

// postpone has a new pair told of again in a second, if it goes on by then; until
// then its packets cost no more than those of others. What passes between look
// and change is not counted.
func (w *Watch) postpone(p role.Pair) error {
	var v pairValue
	key := keyOf(p)
	err := w.pairs.Lookup(&key, &v)
	if err == nil {
		v.Told -= uint64(w.again - time.Second)
		err = w.pairs.Update(&key, &v, ebpf.UpdateExist)
	}
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("put off the sight of %s: %w", p.Peer, err)
	}
	return nil
}

func keyOf(p role.Pair) pairKey { return pairKey{p.Local.As16(), p.Peer.As16()} }

// Traffic is what the tunnel has carried for a pair; nothing when it is not in
// the table.
func (w *Watch) Traffic(p role.Pair) (role.Traffic, error) {
	var v pairValue
	key := keyOf(p)
	err := w.pairs.Lookup(&key, &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return role.Traffic{}, nil
	}
	if err != nil {
		return role.Traffic{}, fmt.Errorf("look at the traffic between %s and %s: %w", p.Local, p.Peer, err)
	}
	return role.Traffic{PacketsOut: v.PacketsOut, BytesOut: v.BytesOut, PacketsIn: v.PacketsIn, BytesIn: v.BytesIn}, nil
}

// Forget has the next packet of a pair told of as if it were the first.
func (w *Watch) Forget(p role.Pair) error {
	key := keyOf(p)
	if err := w.pairs.Delete(&key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("forget the pair %s and %s: %w", p.Local, p.Peer, err)
	}
	return nil
}
