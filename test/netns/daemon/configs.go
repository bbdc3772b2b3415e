package daemon

import (
	"encoding/hex"
	"fmt"
	"strings"

	"mip6d/test/netns/topology"
)

// key is the MN-HA key that both sides share; any 20 bytes will do.
const key = "6b1f0a5cd2e84937a1c05e7f99b2d4183c6e5a70\n"

// HomeAgent is the configuration of the picture's home agent. The picture's own
// advertiser does that part; see topology.Config.Silent.
func HomeAgent() Config {
	return Config{
		Text: fmt.Sprintf(`
home_agent:
  links:
    - interface: %s
      address: %s
      prefixes: [%s]
      advertise: off
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

// Correspondent is the configuration of a correspondent node that is nothing
// else.
func Correspondent() Config { return Config{Text: "correspondent_node: {}\n"} }

// SecondHoA is the home address of a second mobile node, for tests that have one.
var SecondHoA = topology.HoA.Next()

// HomeAgentOfTwo serves the second mobile node as well, and is a correspondent
// node.
func HomeAgentOfTwo() Config {
	c := HomeAgent()
	c.Text += fmt.Sprintf("    - home_address: %s\n      auth: {spi: 257, key_file: $DIR/key}\ncorrespondent_node: {}\n", SecondHoA)
	return c
}

// SecondMobileNode is the configuration of the second mobile node, on the
// interface of a host of the topology.
func SecondMobileNode() Config {
	c := MobileNode()
	c.Text = fmt.Sprintf(`
mobile_node:
  homes:
    - home_address: %s/64
      home_agent: %s
      auth: {spi: 257, key_file: $DIR/key}
  interfaces: [{name: eth0}]
correspondent_node: {}
`, SecondHoA, topology.HAAddr)
	return c
}

// secret is what the test bed's IPsec keys are derived from; any 32 bytes will do.
const secret = "9f2d60b1c7a8435e8d11f0a6b3c95e7724d8e6f1903b5ac47e1d82f6a0c3b549\n"

// Secret is that in octets, for who wants to read what was encrypted.
func Secret() []byte {
	b, err := hex.DecodeString(strings.TrimSpace(secret))
	if err != nil {
		panic(err) // it is a constant
	}
	return b
}

// HomeAgentIPsec and MobileNodeIPsec protect the picture's mobile node with IPsec
// and nothing else. more stands in the ipsec section, such as "payload: on".
func HomeAgentIPsec(more string) Config {
	return Config{
		Text: fmt.Sprintf(`
home_agent:
  links:
    - interface: %s
      address: %s
      prefixes: [%s]
      advertise: off
  mobile_nodes:
    - home_address: %s
      ipsec: {spi: 4096, key_file: $DIR/secret%s}
`, topology.HAHomeInterface, topology.HAAddr, topology.HomePrefix, topology.HoA, more),
		Files: map[string]string{"secret": secret},
	}
}

// MobileNodeIPsec is the other side of HomeAgentIPsec.
func MobileNodeIPsec(more string) Config {
	return Config{
		Text: fmt.Sprintf(`
mobile_node:
  homes:
    - home_address: %s/64
      home_agent: %s
      ipsec: {spi: 4096, key_file: $DIR/secret%s}
  interfaces: [{name: %s}]
`, topology.HoA, topology.HAAddr, more, topology.MNInterface),
		Files: map[string]string{"secret": secret},
	}
}

// HomeAgentIKE and MobileNodeIKE have the keys of HomeAgentIPsec made by strongSwan;
// mobility is that key's.
func HomeAgentIKE(mobility string) Config { return ike(HomeAgentIPsec(""), mobility) }

// MobileNodeIKE is the other side of HomeAgentIKE.
func MobileNodeIKE(mobility string) Config { return ike(MobileNodeIPsec(""), mobility) }

func ike(c Config, mobility string) Config {
	return Config{Text: strings.ReplaceAll(c.Text, "spi: 4096, key_file: $DIR/secret", "ike: {number: 1, mobility: "+mobility+"}")}
}
