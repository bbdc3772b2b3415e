package xfrmmig

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
)

// The kernel keeps policies whose addresses are whole, on both sides, in a hash table, and looks through all others one by one when
// one is set, deleted or migrated. Those of a home agent's tunnels have one whole address, the home address: thresholds say
// how much of each side's address makes a policy one for the table (ip-xfrm(8): set hthresh6). They change how long a search takes, not what
// it finds.

const (
	msgNewSPDInfo = 0x24
	msgGetSPDInfo = 0x25
	attrHThresh6  = 4 // XFRMA_SPD_IPV6_HTHRESH
)

// thresholds are struct xfrmu_spdhthresh: bits of the local and of the remote address.
type thresholds struct{ local, remote uint8 }

var (
	kernelThresholds = thresholds{128, 128}
	agentThresholds  = thresholds{0, 128}
)

// hashPolicies has the policies of a home agent hashed, unless somebody has chosen thresholds.
func (c *Conn) hashPolicies() error { return c.changeThresholds(kernelThresholds, agentThresholds) }

// changeThresholds sets thresholds in place of others, and leaves any but those.
func (c *Conn) changeThresholds(from, to thresholds) error {
	if at, err := c.thresholds(); err != nil || at != from {
		return err
	}
	if err := c.do(msgNewSPDInfo, 0, to.encode()); err != nil {
		return fmt.Errorf("set how xfrm policies are hashed: %w", err)
	}
	return nil
}

func (c *Conn) thresholds() (thresholds, error) {
	answer, err := c.nl.Execute(netlink.Message{Header: netlink.Header{Type: msgGetSPDInfo, Flags: netlink.Request}, Data: make([]byte, 4)})
	if err != nil {
		return thresholds{}, fmt.Errorf("ask how xfrm policies are hashed: %w", err)
	}
	for _, m := range answer {
		if t, ok := decodeThresholds(m.Data); ok {
			return t, nil
		}
	}
	return thresholds{}, errors.New("ask how xfrm policies are hashed: the kernel does not say")
}

// encode writes the body of XFRM_MSG_NEWSPDINFO: flags, which nobody reads, and the thresholds of IPv6.
func (t thresholds) encode() []byte {
	return attr([]byte{0xff, 0xff, 0xff, 0xff}, attrHThresh6, []byte{t.local, t.remote})
}

func decodeThresholds(b []byte) (t thresholds, ok bool) {
	const flags = 4
	eachAttr(b[min(flags, len(b)):], func(typ uint16, data []byte) {
		if typ == attrHThresh6 && len(data) >= 2 {
			t, ok = thresholds{data[0], data[1]}, true
		}
	})
	return t, ok
}
