package rtnl

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Numbers of linux/if_addrlabel.h.
const (
	sizeofIfAddrLblMsg = 12
	ifalAddress        = 1 // IFAL_ADDRESS
	ifalLabel          = 2 // IFAL_LABEL
)

// Label is a row of the kernel's policy table for the choice of source addresses
// (RFC 6724 §2.1, §5 rule 6): of two addresses the one whose label is that of the
// destination is preferred.
type Label struct {
	Prefix netip.Prefix
	Label  uint32 // all ones is none
}

// Labels puts rows into the policy table and remembers in a file what stood there.
// The kernel keeps no mark of whose a row is; we know ours by their values.
type Labels struct {
	file stateFile
	rows map[netip.Prefix]labelled
}

// labelled is what we made of a row.
type labelled struct {
	Ours uint32  `json:"ours"`
	Was  *uint32 `json:"was"` // null: there was no such row
}

// OpenLabels reads what an earlier run in the same directory has changed.
func OpenLabels(dir string) (*Labels, error) {
	l := &Labels{
		file: stateFile{filepath.Join(dir, "address_labels.json"), "address labels"},
		rows: make(map[netip.Prefix]labelled),
	}
	return l, l.file.load(&l.rows)
}

// Set puts rows into the table. Those that an earlier run has put there and that are not
// wanted any more become what they were.
func (l *Labels) Set(rows []Label) error {
	wanted := func(p netip.Prefix) bool {
		return slices.ContainsFunc(rows, func(r Label) bool { return r.Prefix == p })
	}
	if err := l.restore(func(p netip.Prefix) bool { return !wanted(p) }); err != nil || len(rows) == 0 {
		return err
	}
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.close()
	there, err := labels()
	if err != nil {
		return err
	}
	for _, r := range rows {
		now, is := there[r.Prefix]
		old, known := l.rows[r.Prefix]
		switch {
		case is && now == r.Label && !known:
			continue // it is as it should be, and not ours
		case !known && is:
			old.Was = &now
		}
		old.Ours = r.Label
		l.rows[r.Prefix] = old
		if err := l.file.save(l.rows, len(l.rows)); err != nil { // first, in case we are killed between
			return err
		}
		if err := c.do(r.set()); err != nil {
			return fmt.Errorf("set the address label of %s to %d: %w", r.Prefix, r.Label, err)
		}
	}
	return nil
}

// Restore gives all rows their former values.
func (l *Labels) Restore() error { return l.restore(func(netip.Prefix) bool { return true }) }

// restore gives some rows their former values. A row that has been changed since is
// somebody else's.
func (l *Labels) restore(which func(netip.Prefix) bool) error {
	var prefixes []netip.Prefix
	for p := range l.rows {
		if which(p) {
			prefixes = append(prefixes, p)
		}
	}
	if len(prefixes) == 0 {
		return nil
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.close()
	there, err := labels()
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range prefixes {
		row := l.rows[p]
		if now, is := there[p]; is && now == row.Ours {
			r := Label{Prefix: p, Label: row.Ours}.del()
			if row.Was != nil {
				r = Label{Prefix: p, Label: *row.Was}.set()
			}
			if err := unless(c.do(r), unix.ESRCH); err != nil {
				errs = append(errs, fmt.Errorf("restore the address label of %s: %w", p, err))
				continue
			}
		}
		delete(l.rows, p)
	}
	return errors.Join(append(errs, l.file.save(l.rows, len(l.rows)))...)
}

// set is `ip addrlabel add`, and changes a row that is there.
func (l Label) set() request {
	return request{unix.RTM_NEWADDRLABEL, unix.NLM_F_CREATE | unix.NLM_F_REPLACE, l.body()}
}

// del is `ip addrlabel del`.
func (l Label) del() request { return request{unix.RTM_DELADDRLABEL, 0, l.body()} }

func (l Label) body() []byte {
	b := []byte{unix.AF_INET6, 0, uint8(l.Prefix.Bits()), 0}
	b = append(b, make([]byte, 8)...) // of no interface; the sequence is the kernel's
	b = attrU32(b, ifalLabel, l.Label)
	return attrAddr(b, ifalAddress, l.Prefix.Addr())
}

// labels lists the rows of the table that are for all interfaces.
func labels() (map[netip.Prefix]uint32, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETADDRLABEL, unix.NLM_F_DUMP)
	req.AddRawData(append([]byte{unix.AF_INET6}, make([]byte, sizeofIfAddrLblMsg-1)...))
	messages, err := dump(func() ([][]byte, error) { return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDRLABEL) })
	if err != nil {
		return nil, fmt.Errorf("list the address labels: %w", err)
	}
	rows := make(map[netip.Prefix]uint32)
	for _, m := range messages {
		if l, ok := parseLabel(m); ok {
			rows[l.Prefix] = l.Label
		}
	}
	return rows, nil
}

// parseLabel reads the body of an RTM_NEWADDRLABEL; false for one that is of a single
// interface, or malformed.
func parseLabel(m []byte) (l Label, ok bool) {
	if len(m) < sizeofIfAddrLblMsg || m[0] != unix.AF_INET6 || m[2] > 128 || native.Uint32(m[4:]) != 0 {
		return l, false
	}
	var addr netip.Addr
	labelled := false
	for b := m[sizeofIfAddrLblMsg:]; len(b) >= unix.SizeofRtAttr; {
		n := int(native.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return l, false
		}
		data := b[unix.SizeofRtAttr:n]
		switch typ := native.Uint16(b[2:]); {
		case typ == ifalAddress && len(data) == 16:
			addr, _ = netip.AddrFromSlice(data)
		case typ == ifalLabel && len(data) >= 4:
			l.Label, labelled = native.Uint32(data), true
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	l.Prefix = netip.PrefixFrom(addr, int(m[2]))
	return l, addr.IsValid() && labelled
}
