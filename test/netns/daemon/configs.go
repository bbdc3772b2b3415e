package daemon

import (
	"fmt"

	"mip6d/test/netns/topology"
)

// key is the MN-HA key that both sides share; any 20 bytes will do.
const key = "6b1f0a5cd2e84937a1c05e7f99b2d4183c6e5a70\n"

// HomeAgent is the configuration of the picture's home agent.
func HomeAgent() Config {
	return Config{
		Text: fmt.Sprintf(`
home_agent:
  links:
    - interface: %s
      address: %s
      prefixes: [%s]
  mobile_nodes:
    - home_address: %s
      auth: {spi: 256, key_file: $DIR/key}
`, topology.HAHomeInterface, topology.HAAddr, topology.HomePrefix, topology.HoA),
		Files: map[string]string{"key": key},
	}
}

// MobileNode is the configuration of the picture's mobile node.
func MobileNode() Config {
	return Config{
		Text: fmt.Sprintf(`
mobile_node:
  homes:
    - home_address: %s/64
      home_agent: %s
      auth: {spi: 256, key_file: $DIR/key}
  interfaces: [{name: %s}]
`, topology.HoA, topology.HAAddr, topology.MNInterface),
		Files: map[string]string{"key": key},
	}
}
