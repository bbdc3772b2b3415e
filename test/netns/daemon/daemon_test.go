package daemon

import (
	"testing"

	"mip6d/internal/config"
	"mip6d/test/netns/topology"
)

// The configurations are what mip6d takes, and say what the picture says.
func TestConfigurationsAreValid(t *testing.T) {
	load := func(c Config) *config.Config {
		t.Helper()
		d, err := Prepare(nil, t.TempDir(), c)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(d.args[1])
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Control.Socket != d.Socket() {
			t.Errorf("control socket %s, want %s", cfg.Control.Socket, d.Socket())
		}
		return cfg
	}
	ha, mn := load(HomeAgent()), load(MobileNode())
	if got := ha.HomeAgent.MobileNodes[0].HomeAddress; got != topology.HoA {
		t.Errorf("home agent serves %s", got)
	}
	if got := mn.MobileNode.Homes[0].HomeAddress.Addr(); got != topology.HoA {
		t.Errorf("mobile node is %s", got)
	}
}
