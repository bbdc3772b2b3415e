package metrics

import (
	"context"

	"mip6d/internal/role"
)

// Fake is a Source that answers what it was given, and fails on demand.
type Fake struct {
	HealthIs            Health
	TablesAre           Tables
	CountersAre, PathIs map[role.Counter]uint64
	Waiting, Room       int
	Devices             []Device

	TablesErr, PathErr, TunnelsErr error
}

func (f *Fake) Health() Health { return f.HealthIs }

func (f *Fake) Tables(context.Context) (Tables, error) { return f.TablesAre, f.TablesErr }

func (f *Fake) Counters() map[role.Counter]uint64 { return f.CountersAre }

func (f *Fake) DataPath() (map[role.Counter]uint64, error) { return f.PathIs, f.PathErr }

func (f *Fake) Queue() (int, int) { return f.Waiting, f.Room }

func (f *Fake) Tunnels() ([]Device, error) { return f.Devices, f.TunnelsErr }
