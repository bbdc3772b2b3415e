package ingress

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// errTooBig is what a full hash map answers.
var errTooBig error = unix.E2BIG

// older is what an earlier run left on our interfaces.
type older struct {
	found    bool
	bindings *ebpf.Map // nil: could not be recovered, or is of another layout
}

// findOlder looks for our filters on the configured interfaces and for the map
// of bindings behind them: filter → program → maps.
func (g *Gate) findOlder() (older, error) {
	var o older
	links := g.cfg.HomeLinks
	if g.cfg.Tunnel != 0 {
		links = append([]int{g.cfg.Tunnel}, links...)
	}
	for _, ifindex := range links {
		f, err := g.ourFilter(ifindex)
		if err != nil {
			return older{}, err
		}
		if f == nil {
			continue
		}
		o.found = true
		m, err := bindingsOf(ebpf.ProgramID(f.Id), g.cfg.MaxEntries)
		if err != nil {
			return older{}, err
		}
		if m != nil {
			o.bindings = m
			return o, nil
		}
	}
	return o, nil
}

// bindingsOf finds the map of bindings that a program uses. It returns nil
// where that map cannot be had: without CAP_SYS_ADMIN, or when it has another
// layout or limit than ours.
func bindingsOf(id ebpf.ProgramID, entries uint32) (*ebpf.Map, error) {
	unavailable := func(err error) bool {
		return errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, ebpf.ErrNotSupported)
	}
	p, err := ebpf.NewProgramFromID(id)
	if unavailable(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the program %d of an older filter: %w", id, err)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return nil, fmt.Errorf("ask about the program %d of an older filter: %w", id, err)
	}
	ids, _ := info.MapIDs()
	for _, mapID := range ids {
		m, err := ebpf.NewMapFromID(mapID)
		if unavailable(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("open the map %d of an older filter: %w", mapID, err)
		}
		if mi, err := m.Info(); err == nil && mi.Name == bindingsMapName && bindingsSpec(entries).Compatible(m) == nil {
			return m, nil
		}
		m.Close()
	}
	return nil, nil
}
