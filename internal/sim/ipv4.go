package sim

import (
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// Another mobile node of the same home agent, of which there is nothing but its Binding
// Updates, and the one IPv4 address that both may get.
var (
	rivalHoA = netip.MustParseAddr("2001:db8:1::200")
	rivalCoA = netip.MustParseAddr("2001:db8:ee::200")
	pool4    = netip.MustParsePrefix("192.0.2.7/32")
)

// startRival has the other mobile node ask again and again while there is trouble.
func (w *World) startRival() {
	mean := w.faults.Rival
	if mean == 0 {
		return
	}
	w.after(mean/10+time.Duration(w.rng4.Int64N(int64(2*mean))), func() {
		if w.faults.Rival != 0 {
			w.rival()
			w.startRival()
		}
	})
}

// rival has the other mobile node ask for a short while, or go.
func (w *World) rival() {
	w.rivalSeq++
	lifetime := 8 * time.Second
	if w.rng4.IntN(10) < 3 {
		lifetime = 0
	}
	bu := &mh.BindingUpdate{Sequence: w.rivalSeq, Ack: true, Home: true, Lifetime: lifetime}
	bu.Options = mh.Options{
		mh.MesgID{Timestamp: ntp(w.now)}, mh.IPv4HomeAddress{PrefixLen: 32, Addr: netip.IPv4Unspecified()},
		mh.MobilityMessageAuthentication{Subtype: mh.SubtypeMNHA, SPI: 256, Authenticator: make([]byte, rr.AuthenticatorLen)},
	}
	raw, err := mh.Marshal(bu)
	if err != nil {
		w.fail("build the rival's Binding Update: %v", err)
		return
	}
	mac := rr.MNHA(key, rivalCoA, rivalHoA, mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
	mh.SetChecksum(raw, rivalHoA, haAddr)
	w.say("rival: asks for %v", lifetime)
	w.arrive(packet{src: rivalCoA, dst: haAddr, home: rivalHoA, raw: raw})
}

// ntp is a time as RFC 4285 §6 sends it.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+2208988800)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// checkIPv4: an IPv4 home address is nobody else's while it is one's.
func (w *World) checkIPv4(b role.Binding) {
	if !b.IPv4HomeAddress.IsValid() {
		return
	}
	if !pool4.Contains(b.IPv4HomeAddress) {
		w.fail("%s is bound to %s, and is not of the pool", b.IPv4HomeAddress, b.HomeAddress)
	}
	for home, other := range w.ha.bindings {
		if home != b.HomeAddress && other.IPv4HomeAddress == b.IPv4HomeAddress {
			w.fail("%s is bound to %s and to %s", b.IPv4HomeAddress, home, b.HomeAddress)
		}
	}
}

// acknowledged4: what an acknowledgement says of the IPv4 home address is so in the
// kernel.
func (w *World) acknowledged4(home netip.Addr, ba *mh.BindingAcknowledgement) {
	var told netip.Addr
	if o, ok := mh.Find[mh.IPv4AddressAcknowledgement](ba.Options); ok && o.Status.Accepted() {
		told = o.Addr
	}
	if b, bound := w.ha.bindings[home]; bound && ba.Lifetime > 0 && b.IPv4HomeAddress != told {
		w.fail("%s is told that its IPv4 home address is %s, which is %s", home, told, b.IPv4HomeAddress)
	}
}
