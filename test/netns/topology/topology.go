package topology

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"mip6d/test/netns/node"
	"mip6d/test/netns/radv"
	"mip6d/test/testkernel"
)

// Topology is the network, running.
type Topology struct {
	Switch, Router, HA, CN, MN *node.Node

	// RA are the routers' advertisers.
	RA map[Link]*radv.Advertiser

	at    Link // "": unplugged
	hosts []*node.Node
}

// Names of interfaces that tests need.
const (
	MNInterface     = "eth0" // in MN
	HAHomeInterface = "eth0" // in HA, on the home link
	HACoreInterface = "core" // in HA, towards the router
	CNInterface     = "eth0" // in CN
	MNPort          = "mn"   // the mobile node's port of the switch
)

// New builds the network for a test and takes it down at the test's end. It
// skips the test where the kernel or the rights are missing.
func New(t testing.TB, cfg Config) *Topology {
	t.Helper()
	testkernel.Require(t)
	topo, err := Build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := topo.Close(); err != nil {
			t.Error(err)
		}
	})
	return topo
}

// Build builds the network.
func Build(cfg Config) (topo *Topology, err error) {
	if cfg.Start == "" {
		cfg.Start = Home
	}
	if cfg.Interval == (radv.Interval{}) {
		cfg.Interval = radv.Fast
	}
	topo = &Topology{RA: map[Link]*radv.Advertiser{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, topo.Close())
			topo = nil
		}
	}()
	if err = topo.machines(); err != nil {
		return topo, err
	}
	if err = topo.cables(); err != nil {
		return topo, err
	}
	if err = topo.addresses(); err != nil {
		return topo, err
	}
	for link, i := range cfg.Impair {
		if err = topo.Impair(link, i); err != nil {
			return topo, err
		}
	}
	if err = topo.advertise(cfg); err != nil {
		return topo, err
	}
	if !cfg.Unplug {
		err = topo.Plug(cfg.Start)
	}
	return topo, err
}

// Close takes the network down. Programs started in it must have ended.
func (t *Topology) Close() error {
	var errs []error
	for _, ra := range t.RA {
		errs = append(errs, ra.Close())
	}
	for _, n := range append([]*node.Node{t.Switch, t.Router, t.HA, t.CN, t.MN}, t.hosts...) {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}

// At says where the mobile node is plugged in; "" for nowhere.
func (t *Topology) At() Link { return t.at }

// Unplug takes the mobile node's carrier away.
func (t *Topology) Unplug() error {
	t.at = ""
	return t.Switch.SetUp(MNPort, false)
}

// Plug puts the mobile node's port into a link and gives it carrier.
func (t *Topology) Plug(to Link) error {
	port, err := t.Switch.Link(MNPort)
	if err != nil {
		return err
	}
	bridge, err := t.Switch.Link(string(to))
	if err != nil {
		return err
	}
	if err := t.Switch.NL.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("plug the mobile node into %s: %w", to, err)
	}
	t.at = to
	return t.Switch.SetUp(MNPort, true)
}

// Move moves the mobile node: carrier down, other link, carrier up. It returns
// the moment just before the carrier came up.
func (t *Topology) Move(to Link) (linkUp time.Time, err error) {
	port, err := t.Switch.Link(MNPort)
	if err != nil {
		return time.Time{}, err
	}
	bridge, err := t.Switch.Link(string(to))
	if err != nil {
		return time.Time{}, err
	}
	nl := t.Switch.NL
	if err := nl.LinkSetDown(port); err != nil {
		return time.Time{}, fmt.Errorf("carrier off: %w", err)
	}
	if err := nl.LinkSetMaster(port, bridge); err != nil {
		return time.Time{}, fmt.Errorf("move the mobile node to %s: %w", to, err)
	}
	linkUp = time.Now()
	if err := nl.LinkSetUp(port); err != nil {
		return time.Time{}, fmt.Errorf("carrier on %s: %w", to, err)
	}
	t.at = to
	return linkUp, nil
}
