package sim

import (
	"net/netip"

	"mip6d/internal/mh"
	"mip6d/internal/rr"
)

// The attackers of RFC 4225 §3 against route optimisation: one who is not on
// the path and forges, one who replays, and one who floods. They own addresses
// of their own, can be tested at those, and never see a Home Test of another's.

// ownedNet holds the attacker's addresses.
var ownedNet = netip.MustParsePrefix("2001:db8:bad::/48")

func owned(a netip.Addr) bool { return ownedNet.Contains(a) }

// forge attacks correspondent or mobile node.
func (w *World) forge() {
	switch w.rng.IntN(7) {
	case 0:
		w.replayToCN()
	case 1:
		w.floodTests()
	case 2:
		w.floodBindings()
	case 3: // takes the mobile node's packets, with half of the tokens
		w.forgeBU(hoa, attacker, 0)
	case 4: // sends the mobile node's packets to a third party
		w.forgeBU(hoa, netip.MustParseAddr("2001:db8:f1::dead"), 0)
	case 5:
		w.forgeToMN(&mh.HomeTest{NonceIndex: uint16(w.rng.Uint32()), Token: [8]byte{1}})
		w.forgeToMN(&mh.CareOfTest{NonceIndex: uint16(w.rng.Uint32()), Token: [8]byte{2}})
	case 6:
		w.forgeToMN(&mh.BindingError{Status: mh.Status(1 + w.rng.IntN(2)), HomeAddress: hoa})
		w.forgeToMN(&mh.BindingAcknowledgement{Sequence: uint16(w.rng.Uint32()), Lifetime: 4000})
	}
}

func (w *World) replayToCN() {
	old := w.network.toCN
	if len(old) == 0 {
		return
	}
	p := old[w.rng.IntN(len(old))]
	if w.chance(0.3) { // from where the attacker is
		p.src = attacker
		raw := append([]byte(nil), p.raw...)
		mh.SetChecksum(raw, hoa, p.dst)
		p.raw = raw
	}
	w.say("attacker: replays %s", describe(p))
	w.arrive(p)
}

// floodTests: answering costs no state.
func (w *World) floodTests() {
	for i := range 50 {
		src := w.ownAddress(i)
		w.fromAttacker(src, netip.Addr{}, &mh.HomeTestInit{})
		w.fromAttacker(src, netip.Addr{}, &mh.CareOfTestInit{})
	}
}

// floodBindings registers many home addresses that are the attacker's own,
// rightly.
func (w *World) floodBindings() {
	for i := range 3 * maxCNBindings {
		home, careOf := w.ownAddress(i), w.ownAddress(1000+i)
		w.network.harvest = map[netip.Addr]mh.Message{}
		w.fromAttacker(home, netip.Addr{}, &mh.HomeTestInit{})
		w.fromAttacker(careOf, netip.Addr{}, &mh.CareOfTestInit{})
		hot, ok := w.network.harvest[home].(*mh.HomeTest)
		cot, ok2 := w.network.harvest[careOf].(*mh.CareOfTest)
		if ok && ok2 {
			w.authorized(home, careOf, rr.Kbm(hot.Token, cot.Token), mh.NonceIndices{Home: hot.NonceIndex, CareOf: cot.NonceIndex})
		}
	}
	w.network.harvest = nil
	w.bounded()
}

// forgeBU has the care-of token of its own address, and guesses the rest.
func (w *World) forgeBU(home, careOf netip.Addr, guess byte) {
	w.network.harvest = map[netip.Addr]mh.Message{}
	w.fromAttacker(attacker, netip.Addr{}, &mh.CareOfTestInit{})
	cot, ok := w.network.harvest[attacker].(*mh.CareOfTest)
	w.network.harvest = nil
	if ok {
		w.authorized(home, careOf, rr.Kbm(rr.Token{guess}, cot.Token), mh.NonceIndices{Home: cot.NonceIndex, CareOf: cot.NonceIndex})
	}
}

func (w *World) authorized(home, careOf netip.Addr, kbm [20]byte, nonces mh.NonceIndices) {
	bu := &mh.BindingUpdate{Sequence: uint16(w.rng.Uint32()), Ack: true, Lifetime: 400e9}
	bu.Options = mh.Options{nonces, mh.BindingAuthorizationData{}}
	raw, err := mh.Marshal(bu)
	if err != nil {
		return
	}
	mac := rr.Authenticator(kbm[:], careOf, cnAddr, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	mh.SetChecksum(raw, home, cnAddr)
	w.arrive(packet{src: careOf, dst: cnAddr, home: home, raw: raw})
}

func (w *World) fromAttacker(src, home netip.Addr, msg mh.Message) {
	raw, err := mh.Marshal(msg)
	if err != nil {
		return
	}
	mh.SetChecksum(raw, src, cnAddr)
	w.arrive(packet{src: src, dst: cnAddr, home: home, raw: raw})
}

// forgeToMN says something in the correspondent's name. It gets in at the care-of
// address, and at the home address by the home agent.
func (w *World) forgeToMN(msg mh.Message) {
	raw, err := mh.Marshal(msg)
	if err != nil {
		return
	}
	mh.SetChecksum(raw, cnAddr, hoa)
	w.arrive(packet{src: cnAddr, dst: hoa, raw: raw})
	if careOf := w.mn.path.CareOf; careOf.IsValid() {
		raw := append([]byte(nil), raw...)
		mh.SetChecksum(raw, cnAddr, careOf)
		w.arrive(packet{src: cnAddr, dst: careOf, raw: raw})
	}
}

func (w *World) ownAddress(i int) netip.Addr {
	b := ownedNet.Addr().As16()
	b[13], b[14], b[15] = byte(w.rng.Uint32()), byte(i>>8), byte(i)
	return netip.AddrFrom16(b)
}
