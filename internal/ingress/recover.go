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
	found              bool
	bindings, networks *ebpf.Map // nil: could not be recovered, or is of another layout
}

// complete says whether all that the gates share has been recovered.
func (o older) complete() bool { return o.bindings != nil && o.networks != nil }

func (o older) close() {
	for _, m := range []*ebpf.Map{o.bindings, o.networks} {
		if m != nil {
			m.Close()
		}
	}
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
		maps, err := mapsOf(ebpf.ProgramID(f.Id), g.cfg)
		if err != nil {
			return older{}, err
		}
		if maps.complete() {
			o.bindings, o.networks = maps.bindings, maps.networks
			return o, nil
		}
		maps.close()
	}
	return o, nil
}

// mapsOf finds the maps of bindings and mobile networks that a program uses. They
// are nil where they cannot be had: without CAP_SYS_ADMIN, or when one has another
// layout or limit than ours.
func mapsOf(id ebpf.ProgramID, c Config) (o older, err error) {
	unavailable := func(err error) bool {
		return errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, ebpf.ErrNotSupported)
	}
	p, err := ebpf.NewProgramFromID(id)
	if unavailable(err) {
		return o, nil
	}
	if err != nil {
		return o, fmt.Errorf("open the program %d of an older filter: %w", id, err)
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return o, fmt.Errorf("ask about the program %d of an older filter: %w", id, err)
	}
	ids, _ := info.MapIDs()
	for _, mapID := range ids {
		m, err := ebpf.NewMapFromID(mapID)
		if unavailable(err) {
			continue
		}
		if err != nil {
			o.close()
			return older{}, fmt.Errorf("open the map %d of an older filter: %w", mapID, err)
		}
		mi, err := m.Info()
		switch {
		case err == nil && mi.Name == bindingsMapName && bindingsSpec(c).Compatible(m) == nil:
			o.bindings = m
		case err == nil && mi.Name == networksMapName && networksSpec(c).Compatible(m) == nil:
			o.networks = m
		default:
			m.Close()
		}
	}
	return o, nil
}
