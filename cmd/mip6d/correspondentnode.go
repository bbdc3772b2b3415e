package main

import (
	"context"
	"crypto/rand"
	"time"

	"mip6d/internal/cn"
	"mip6d/internal/config"
	"mip6d/internal/ctl"
	"mip6d/internal/datapath"
	"mip6d/internal/engine"
	"mip6d/internal/mhsock"
	"mip6d/internal/role"
	"mip6d/internal/xfrmmig"
)

// correspondentNode is the wiring of a correspondent node that is nothing else.
type correspondentNode struct{}

func (d *daemon) correspondentNode() (wiring, error) {
	x, err := xfrmmig.Dial()
	if err != nil {
		return nil, err
	}
	defer x.Close()
	// Binding Updates come with a Home Address option here, too.
	if err := x.Set(xfrmmig.HomeAgentSignalling()); err != nil {
		return nil, err
	}
	mh, err := mhsock.ListenMH(nil, d.counters.Add)
	if err != nil {
		return nil, err
	}
	d.keep(mh)
	wire := &datapath.Wire{MH: mh}
	d.engine = engine.New(engine.Config{
		Machines: []role.Machine{cn.New(cn.Params{Policy: role.Policy{Default: true}}, rand.Reader)}, Kernel: wire, Wire: wire,
		Counters: &d.counters, Notify: d.notify, Failed: d.failed,
	})
	d.task(func(ctx context.Context) error { return mh.Run(ctx, d.engine.Offer) })
	return correspondentNode{}, nil
}

func (correspondentNode) name() string { return ctl.RoleCorrespondentNode }

func (correspondentNode) reload(*config.Config) error { return nil }

func (correspondentNode) bindingList(time.Time) []ctl.Binding        { return nil }
func (correspondentNode) bul(time.Time) []ctl.BindingUpdate          { return nil }
func (correspondentNode) interfaces(time.Time) []ctl.Interface       { return nil }
func (correspondentNode) dataPath() (map[role.Counter]uint64, error) { return nil, nil }
