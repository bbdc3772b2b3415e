package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net/netip"
	"time"

	"mip6d/internal/role"
)

// A record is a version, its fields in network byte order, and a checksum (CRC-32C)
// over key and all before it: what lies on a disk for years can rot, and bbolt
// checks only its own pages' structure. Times are those of Clock.stamp.
const (
	recordVersion = 1
	checksumLen   = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Flags of a registration.
const (
	flagBound = 1 << iota
	flagSequent
	flagRouter
	flagMobileRouter
	flagKeyMgmt
	flagLinkLocal
	flagIPv4

	registrationFlags = 1<<iota - 1
)

// Flags of a list entry.
const (
	flagCareOf = 1 << iota
	flagHome
	flagIPv4Home

	listEntryFlags = 1<<iota - 1
)

// encodeRegistration makes the record of a registration. Expires is as by Clock.stamp.
func encodeRegistration(r role.Registration, clock Clock) Item {
	b := r.Binding
	var flags byte
	for _, f := range []struct {
		flag byte
		set  bool
	}{
		{flagBound, r.Bound}, {flagSequent, r.Sequent}, {flagRouter, r.Bound && b.Router},
		{flagMobileRouter, r.Bound && b.MobileRouter}, {flagKeyMgmt, r.Bound && b.KeyMgmt},
		{flagLinkLocal, r.Bound && b.LinkLocal.IsValid()}, {flagIPv4, r.Bound && b.IPv4HomeAddress.IsValid()},
	} {
		if f.set {
			flags |= f.flag
		}
	}
	v := []byte{recordVersion, flags}
	v = binary.BigEndian.AppendUint16(v, r.Sequence)
	v = binary.BigEndian.AppendUint64(v, r.Stamp)
	if r.Bound {
		v = appendAddr(v, b.CareOf)
		v = appendAddr(v, b.HomeAgent)
		if b.LinkLocal.IsValid() {
			v = appendAddr(v, b.LinkLocal)
		}
		if b.IPv4HomeAddress.IsValid() {
			v = append(v, b.IPv4HomeAddress.AsSlice()...)
		}
		v = binary.BigEndian.AppendUint16(v, b.Sequence)
		v = binary.BigEndian.AppendUint64(v, b.ReplayStamp)
		v = appendTime(v, b.Lifetime)
		v = appendTime(v, clock.stamp(b.Expires))
		v = appendTime(v, time.Duration(b.Created.UnixNano()))
		v = binary.BigEndian.AppendUint64(v, b.Moves)
		v = binary.BigEndian.AppendUint16(v, uint16(len(b.MobilePrefixes)))
		for _, p := range b.MobilePrefixes {
			v = append(v, byte(p.Bits()))
			v = appendAddr(v, p.Addr())
		}
	}
	return seal(keyOf(r.HomeAddress), v)
}

func decodeRegistration(it Item, clock, last Clock) (role.Registration, error) {
	d := open(it, 16)
	r := role.Registration{HomeAddress: addrAt(it.Key, 0)}
	flags := d.byte()
	r.Bound, r.Sequent = flags&flagBound != 0, flags&flagSequent != 0
	r.Sequence, r.Stamp = d.uint16(), d.uint64()
	if flags&^registrationFlags != 0 || !r.Bound && flags&^flagSequent != 0 {
		d.fail("flags %#x", flags)
	}
	if r.Bound {
		b := &r.Binding
		b.HomeAddress, b.CareOf, b.HomeAgent = r.HomeAddress, d.addr(), d.addr()
		b.Router, b.MobileRouter, b.KeyMgmt = flags&flagRouter != 0, flags&flagMobileRouter != 0, flags&flagKeyMgmt != 0
		if flags&flagLinkLocal != 0 {
			b.LinkLocal = d.addr()
		}
		if flags&flagIPv4 != 0 {
			b.IPv4HomeAddress = d.addr4()
		}
		b.Sequence, b.ReplayStamp = d.uint16(), d.uint64()
		b.Lifetime = d.time()
		b.Expires = clock.time(d.time(), last)
		if most := clock.Now.Add(b.Lifetime); b.Expires.After(most) {
			b.Expires = most // the clocks lie
		}
		b.Created = time.Unix(0, int64(d.time()))
		b.Moves = d.uint64()
		for range d.uint16() {
			bits := d.byte()
			p := netip.PrefixFrom(d.addr(), int(bits))
			if d.err == nil && (!p.IsValid() || p != p.Masked()) {
				d.fail("a mobile network of %d bits", bits)
			}
			if d.err != nil {
				break
			}
			b.MobilePrefixes = append(b.MobilePrefixes, p)
		}
	}
	return r, d.end()
}

func encodeListEntry(e role.ListEntry, clock Clock) Item {
	var flags byte
	if e.CareOf.IsValid() {
		flags |= flagCareOf
	}
	if e.Home {
		flags |= flagHome
	}
	if e.IPv4HomeAddress.IsValid() {
		flags |= flagIPv4Home
	}
	v := []byte{recordVersion, flags}
	v = binary.BigEndian.AppendUint16(v, e.Sequence)
	if e.CareOf.IsValid() {
		v = appendAddr(v, e.CareOf)
	}
	if e.IPv4HomeAddress.IsValid() {
		v = append(v, e.IPv4HomeAddress.AsSlice()...)
	}
	v = appendTime(v, clock.stamp(e.Until))
	v = appendTime(v, e.Granted)
	v = binary.BigEndian.AppendUint64(v, e.Stamp)
	v = appendTime(v, e.Offset)
	return seal(listEntryKey(e), v)
}

func decodeListEntry(it Item, clock, last Clock) (role.ListEntry, error) {
	d := open(it, 32)
	e := role.ListEntry{HomeAddress: addrAt(it.Key, 0), Peer: addrAt(it.Key, 16)}
	flags := d.byte()
	e.Home = flags&flagHome != 0
	if flags&^listEntryFlags != 0 {
		d.fail("flags %#x", flags)
	}
	e.Sequence = d.uint16()
	if flags&flagCareOf != 0 {
		e.CareOf = d.addr()
	}
	if flags&flagIPv4Home != 0 {
		e.IPv4HomeAddress = d.addr4()
	}
	e.Until = clock.time(d.time(), last)
	e.Granted = d.time()
	e.Stamp = d.uint64()
	e.Offset = d.time()
	return e, d.end()
}

func encodeLease(l role.Lease, clock Clock) Item {
	v := appendAddr([]byte{recordVersion}, l.HomeAddress.Addr())
	return seal(leaseKey(l), appendTime(v, clock.stamp(l.Until)))
}

func decodeLease(it Item, clock, last Clock) (role.Lease, error) {
	d := open(it, 17)
	a, until := d.addr(), clock.time(d.time(), last)
	if d.err != nil {
		return role.Lease{}, d.err
	}
	l := role.Lease{HomeAddress: netip.PrefixFrom(a, int(it.Key[16])), Until: until}
	if !l.HomeAddress.IsValid() || l.HomeAddress.Masked().Addr() != addrAt(it.Key, 0) {
		d.fail("%s is not of this subnet", l.HomeAddress)
	}
	return l, d.end()
}

// The clocks at the last commit: what recorded times count from.
var clockKey = []byte("clock")

func encodeClock(c Clock) Item {
	v := append([]byte{recordVersion}, c.BootID[:]...)
	v = appendTime(v, c.Boot)
	v = appendTime(v, time.Duration(c.Now.UnixNano()))
	return seal(clockKey, v)
}

func decodeClock(it Item) (c Clock, err error) {
	d := open(it, len(clockKey))
	copy(c.BootID[:], d.next(len(c.BootID)))
	c.Boot = d.time()
	c.Now = time.Unix(0, int64(d.time()))
	return c, d.end()
}

func keyOf(home netip.Addr) []byte { return appendAddr(nil, home) }

func listEntryKey(e role.ListEntry) []byte { return appendAddr(keyOf(e.HomeAddress), e.Peer) }

func leaseKey(l role.Lease) []byte {
	return append(keyOf(l.HomeAddress.Masked().Addr()), byte(l.HomeAddress.Bits()))
}

func seal(key, v []byte) Item {
	return Item{key, binary.BigEndian.AppendUint32(v, checksum(key, v))}
}

func checksum(key, v []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, v)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	octets := a.As16()
	return append(b, octets[:]...)
}

func appendTime(b []byte, t time.Duration) []byte { return binary.BigEndian.AppendUint64(b, uint64(t)) }

func addrAt(b []byte, at int) netip.Addr {
	if len(b) < at+16 {
		return netip.Addr{}
	}
	return netip.AddrFrom16([16]byte(b[at : at+16]))
}

// decoder reads fields and remembers the first thing that was wrong.
type decoder struct {
	key, rest []byte
	err       error
}

// open checks what all records have and stands behind the version.
func open(it Item, keyLen int) *decoder {
	d := &decoder{key: it.Key}
	n := len(it.Value) - checksumLen
	switch {
	case len(it.Key) != keyLen:
		d.fail("a key of %d octets", len(it.Key))
	case n < 1:
		d.fail("%d octets", len(it.Value))
	case binary.BigEndian.Uint32(it.Value[n:]) != checksum(it.Key, it.Value[:n]):
		d.fail("checksum")
	case it.Value[0] != recordVersion:
		d.fail("version %d", it.Value[0])
	default:
		d.rest = it.Value[1:n]
	}
	return d
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("record %x: "+format+": %w", append(append([]any{d.key}, args...), ErrDamaged)...)
	}
	d.rest = nil
}

// next takes n octets; after an error they are zero.
func (d *decoder) next(n int) []byte {
	if len(d.rest) < n {
		d.fail("too short")
		return make([]byte, n)
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte          { return d.next(1)[0] }
func (d *decoder) uint16() uint16      { return binary.BigEndian.Uint16(d.next(2)) }
func (d *decoder) uint64() uint64      { return binary.BigEndian.Uint64(d.next(8)) }
func (d *decoder) time() time.Duration { return time.Duration(d.uint64()) }
func (d *decoder) addr() netip.Addr    { return netip.AddrFrom16([16]byte(d.next(16))) }
func (d *decoder) addr4() netip.Addr   { return netip.AddrFrom4([4]byte(d.next(4))) }

func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("%d octets too many", len(d.rest))
	}
	return d.err
}
