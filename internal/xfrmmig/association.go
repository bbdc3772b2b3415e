package xfrmmig

import (
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// setSA makes an association in place of one with the same SPI and destination.
func (c *Conn) setSA(s SA) error {
	err := c.do(msgNewSA, netlink.Create|netlink.Excl, s.encode())
	if errors.Is(err, unix.EEXIST) {
		// An update would keep the old key.
		if err = c.deleteSA(s); err == nil {
			err = c.do(msgNewSA, netlink.Create|netlink.Excl, s.encode())
		}
	}
	if err != nil {
		return fmt.Errorf("set the security association %s → %s, SPI %d, %s: %w", s.Src, s.Dst, s.SPI, s.Algorithm.Name, err)
	}
	return nil
}

// getSA says whether an association is there: with ESRCH if not.
func (c *Conn) getSA(s SA) error {
	_, err := c.nl.Execute(netlink.Message{Header: netlink.Header{Type: msgGetSA, Flags: netlink.Request}, Data: s.encodeID()})
	if err != nil {
		return fmt.Errorf("look at the security association %s → %s, SPI %d: %w", s.Src, s.Dst, s.SPI, err)
	}
	return nil
}

// deleteSA removes an association, or a question for one; that there is none is fine.
func (c *Conn) deleteSA(s SA) error {
	if s.isQuestion() {
		named, err := c.name(s)
		if err != nil {
			return err
		}
		s = named
	}
	if err := c.do(msgDelSA, 0, s.encodeID()); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("delete the security association %s → %s, SPI %d: %w", s.Src, s.Dst, s.SPI, err)
	}
	return nil
}

// UsedSA is an association with what was counted of it.
type UsedSA struct {
	SA
	Use Use
}

// SAs lists the ESP associations, ours and others'.
func (c *Conn) SAs() ([]UsedSA, error) {
	messages, err := c.dump(msgGetSA)
	if err != nil {
		return nil, fmt.Errorf("list the security associations: %w", err)
	}
	var list []UsedSA
	for _, m := range messages {
		if s, use, ok := decodeSA(m.Data); ok {
			list = append(list, UsedSA{s, use})
		}
	}
	return list, nil
}

// Migrate carries out migrations in their order. One that fails has those before
// it undone.
func (c *Conn) Migrate(list []Migration) error {
	return migrate(func(m Migration) error { return c.do(msgMigrate, 0, m.encode()) }, list)
}

// errHalfway: some of the migrations were carried out, and could not be undone.
var errHalfway = errors.New("and back")

func migrate(one func(Migration) error, list []Migration) error {
	for i, m := range list {
		err := one(m)
		if err == nil {
			continue
		}
		err = fmt.Errorf("migrate a tunnel from %s → %s to %s → %s: %w", m.Old.Src, m.Old.Dst, m.New.Src, m.New.Dst, err)
		for k := i - 1; k >= 0; k-- {
			if undo := one(list[k].back()); undo != nil {
				return errors.Join(err, fmt.Errorf("%w: %w", errHalfway, undo))
			}
		}
		return err
	}
	return nil
}
