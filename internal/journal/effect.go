package journal

import (
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// effect tells of everything that is no message.
func (t *teller) effect(what any) (s ctl.TraceStep, ours bool) {
	switch e := what.(type) {
	case role.Notice:
		return ctl.TraceStep{Kind: ctl.StepEvent, What: string(e.Kind), Text: e.Text, Warn: e.Warn}, e.HoA == t.home
	case role.SetBinding:
		b := e.Binding
		return kernel("set binding", fmt.Sprintf("tunnel to %s, for %v", b.CareOf, b.Lifetime)), b.HomeAddress == t.home
	case role.ClearBinding:
		return kernel("clear binding", "tunnel, proxy entry and source check"), e.HomeAddress == t.home
	case role.SetHomePath:
		text := e.Path.Mode.String()
		if e.Path.Mode == role.PathTunnelled {
			text += fmt.Sprintf(" from %s to %s", e.Path.CareOf, e.Path.HomeAgent)
		}
		return kernel("set path", text), e.Path.HomeAddress.Addr() == t.home
	case role.SetDirect:
		text := fmt.Sprintf("%s and %s, %s at %s, for %v", e.Direct.Local, e.Direct.Peer, e.Direct.Side, e.Direct.CareOf, e.Direct.Lifetime)
		return kernel("set direct path", text), e.Direct.Local == t.home || e.Direct.Peer == t.home
	case role.ClearDirect:
		text := fmt.Sprintf("%s and %s, %s", e.Pair.Local, e.Pair.Peer, e.Side)
		return kernel("clear direct path", text), e.Pair.Local == t.home || e.Pair.Peer == t.home
	case role.AddCareOf:
		return kernel("add care-of address", e.Prefix.String()), t.careOf[e.Prefix.Addr()]
	case role.RemoveCareOf:
		return kernel("remove care-of address", e.Addr.String()), t.careOf[e.Addr]
	case role.StoreRegistration:
		r := e.Registration
		text := fmt.Sprintf("no binding, seq %d", r.Sequence)
		if r.Bound {
			text = fmt.Sprintf("at %s, seq %d", r.Binding.CareOf, r.Sequence)
		}
		return ctl.TraceStep{Kind: ctl.StepStore, What: "store registration", Text: text}, r.HomeAddress == t.home
	case role.StoreListEntry:
		text := fmt.Sprintf("with %s, seq below %d", e.Entry.Peer, e.Entry.Sequence)
		if e.Drop {
			text = "with " + e.Entry.Peer.String() + ", forgotten"
		}
		return ctl.TraceStep{Kind: ctl.StepStore, What: "store list entry", Text: text}, e.Entry.HomeAddress == t.home
	case role.StoreLease:
		text := "no end"
		if !e.Lease.Until.IsZero() {
			text = "until " + e.Lease.Until.UTC().Format(time.RFC3339)
		}
		if e.Drop {
			text = "forgotten"
		}
		return ctl.TraceStep{Kind: ctl.StepStore, What: "store home address", Text: text}, e.Lease.HomeAddress.Addr() == t.home
	}
	return t.detection(what)
}

func kernel(what, text string) ctl.TraceStep {
	return ctl.TraceStep{Kind: ctl.StepKernel, What: what, Text: text}
}

// has says whether an address is the home address or one of its care-of addresses.
func (t *teller) has(a netip.Addr) bool { return a == t.home || t.careOf[a] }

// detection tells of duplicate address detection, at home and abroad.
func (t *teller) detection(what any) (s ctl.TraceStep, ours bool) {
	s = ctl.TraceStep{Kind: ctl.StepDetection, What: "duplicate address detection"}
	switch e := what.(type) {
	case role.StartDAD:
		s.Text = "begins for " + e.Addr.String()
		return s, t.has(e.Addr)
	case role.DADDone:
		s.Text = e.Addr.String() + " is free"
		if e.Duplicate {
			s.Text, s.Warn = e.Addr.String()+" is in use", true
		}
		if e.Err != nil {
			s.Error, s.Warn = e.Err.Error(), true
		}
		return s, t.has(e.Addr)
	case role.AddressReady:
		s.Text = e.Addr.String() + " may be used"
		return s, t.has(e.Addr)
	case role.DADFailed:
		s.Text, s.Warn = e.Addr.String()+" is in use", true
		return s, t.has(e.Addr)
	}
	return s, false
}
