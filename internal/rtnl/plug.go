package rtnl

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The queueing discipline that holds packets: struct tc_plug_qopt of linux/pkt_sched.h
// and its actions.
const (
	tcRoot      = 0xffffffff // TC_H_ROOT
	plugHandle  = 0x62750000 // 6275:
	plugBuffer  = 0          // TCQ_PLUG_BUFFER
	plugRelease = 2          // TCQ_PLUG_RELEASE_INDEFINITE
	plugMake    = 3          // TCQ_PLUG_LIMIT, all that a new one looks at
	plugLimit   = 4 << 20    // octets that may wait
)

// plug makes the queue, which holds packets from then on, or changes what it does.
func plug(ifindex int, action uint32, flags uint16) request {
	b := []byte{unix.AF_UNSPEC, 0, 0, 0}
	b = native.AppendUint32(b, uint32(ifindex))
	b = native.AppendUint32(b, plugHandle)
	b = native.AppendUint32(b, tcRoot)
	b = native.AppendUint32(b, 0)
	b = attrString(b, unix.TCA_KIND, "plug")
	b = attr(b, unix.TCA_OPTIONS, native.AppendUint32(native.AppendUint32(nil, action), plugLimit))
	return request{unix.RTM_NEWQDISC, flags, b}
}

// queueOn gives a new tunnel its queue, open. Put there while packets pass, it would
// cost some of them. Without it in the kernel nothing ever waits, and a planned
// handover loses a few packets.
func (p *paths) queueOn(t *path) error {
	if !p.queues || t.queue {
		return nil
	}
	err := unless(p.conn.do(plug(t.index, plugMake, unix.NLM_F_CREATE|unix.NLM_F_EXCL)), unix.EEXIST)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err == nil {
		err = p.conn.do(plug(t.index, plugRelease, 0))
	}
	if err != nil {
		return fmt.Errorf("give %s a queue: %w", t.name, err)
	}
	t.queue = true
	return nil
}

// holdPackets has what is to leave by a tunnel wait on its device.
func (p *paths) holdPackets(t *path) error {
	if !t.queue || t.held {
		return nil
	}
	if err := p.conn.do(plug(t.index, plugBuffer, 0)); err != nil {
		return fmt.Errorf("hold packets on %s: %w", t.name, err)
	}
	t.held = true
	return nil
}

// releasePackets lets them go.
func (p *paths) releasePackets(t *path) error {
	if !t.held {
		return nil
	}
	if err := p.conn.do(plug(t.index, plugRelease, 0)); err != nil {
		return fmt.Errorf("release packets on %s: %w", t.name, err)
	}
	t.held = false
	return nil
}
