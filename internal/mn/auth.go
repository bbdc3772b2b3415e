package mn

import (
	"encoding/hex"
	"net/netip"

	"mip6d/internal/bul"
	"mip6d/internal/mh"
	"mip6d/internal/role"
	"mip6d/internal/rr"
)

// mnid is the MN-NAI (RFC 4283 §3.1): as configured, or made of the home
// address, which is what a home agent knows us by in any case.
func (h *home) mnid() string {
	if h.Auth.MNID != "" {
		return h.Auth.MNID
	}
	a := h.addr().As16()
	return hex.EncodeToString(a[:])
}

// authOptions returns the options of RFC 4285 for a Binding Update, in their
// order: identifier (§4: MUST, before any authentication, RFC 4283 §3.2),
// timestamp (§6), and MN-HA authentication as the last (§5.1: MUST), whose
// authenticator sign fills in.
func (h *home) authOptions(t bul.Transmission) mh.Options {
	if h.Auth == nil {
		return nil
	}
	opts := mh.Options{mh.MobileNodeIdentifier{Subtype: mh.SubtypeNAI, Identifier: []byte(h.mnid())}}
	if t.Stamp != 0 {
		opts = append(opts, mh.MesgID{Timestamp: t.Stamp})
	}
	return append(opts, mh.MobilityMessageAuthentication{
		Subtype: mh.SubtypeMNHA, SPI: h.Auth.SPI, Authenticator: make([]byte, rr.AuthenticatorLen),
	})
}

// sign fills in the MN-HA authenticator of a marshalled message (RFC 4285
// §5.1).
func (h *home) sign(raw []byte, careOf netip.Addr) {
	if h.Auth == nil {
		return
	}
	covered := mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
	mac := rr.MNHA(h.Auth.Key, careOf, h.addr(), covered)
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA):], mac[:])
}

// verify checks the MN-HA authentication of a Binding Acknowledgement. It
// returns the counter of what is wrong, or "". That nothing follows the option
// is the codec's to check.
func (h *home) verify(raw []byte, ba *mh.BindingAcknowledgement, careOf netip.Addr) role.Counter {
	if h.Auth == nil {
		return ""
	}
	opt, ok := findMNHA(ba.Options)
	switch {
	case !ok:
		return role.CountNoAuth // RFC 4285 §5: silently discarded
	case opt.SPI != h.Auth.SPI:
		return role.CountUnknownSPI
	}
	covered := mh.Covered(raw, mh.OptionMobilityMessageAuthentication, mh.SubtypeMNHA)
	mac := rr.MNHA(h.Auth.Key, careOf, h.addr(), covered)
	if !rr.Equal(opt.Authenticator, mac) {
		return role.CountBadAuth
	}
	return ""
}

func findMNHA(opts mh.Options) (mh.MobilityMessageAuthentication, bool) {
	for _, o := range opts {
		if a, ok := o.(mh.MobilityMessageAuthentication); ok && a.Subtype == mh.SubtypeMNHA {
			return a, true
		}
	}
	return mh.MobilityMessageAuthentication{}, false
}

// stampMatches checks the timestamp of a Binding Acknowledgement against the
// one sent (RFC 4285 §6: MUST, silently discarded otherwise). One with
// MIPV6-ID-MISMATCH has only our low half back.
func stampMatches(ba *mh.BindingAcknowledgement, sent uint64) bool {
	if sent == 0 {
		return true
	}
	opt, ok := mh.Find[mh.MesgID](ba.Options)
	if ba.Status == mh.StatusIDMismatch {
		return ok && uint32(opt.Timestamp) == uint32(sent)
	}
	return ok && opt.Timestamp == sent
}
