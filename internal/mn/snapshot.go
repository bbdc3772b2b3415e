package mn

import (
	"net/netip"
	"slices"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// BindingView is what `mip6ctl show bul` shows of one home address. Times are
// those of the snapshot.
type BindingView struct {
	HomeAddress netip.Prefix
	HomeAgent   netip.Addr
	CareOf      netip.Addr // registered or being registered; invalid at home
	Ifindex     int
	Interface   string

	// State is where the home address is: "unknown", "away", "returning",
	// "deregistering", "home", "duplicate", "invalid". "waiting": DHCPv6 has not given it yet,
	// and HomeAddress is the home subnet's prefix.
	State string
	Mode  role.PathMode // how its packets travel

	Registered bool          // the home agent acknowledged a binding that has not expired
	Bound      netip.Addr    // the care-of address of that binding
	Waiting    bool          // a Binding Update is unanswered
	Refused    bool          // the home agent refused for a reason that time won't cure
	Sequence   uint16        // last sent
	Lifetime   time.Duration // granted
	Remaining  time.Duration // of what the home agent may hold
	Retries    int           // transmissions since the last answer, but the first
	Next       time.Duration // until the next Binding Update; 0: none is planned
	Status     mh.Status     // of the last acknowledgement, where HasStatus
	HasStatus  bool

	MobilePrefixes []netip.Prefix // of the networks behind a mobile router

	IPv4HomeAddress netip.Addr // in use beside the home address, or invalid
	IPv4Refused     string     // why there is none although it is wanted
}

// InterfaceView is what `mip6ctl show interfaces` shows of one interface.
type InterfaceView struct {
	Ifindex    int
	Name       string
	Preference int
	Up         bool

	// State is "down", "soliciting" (up, no router heard), "silent" (the
	// routers stopped answering), "probing" (asked whether they are there)
	// or "confirmed".
	State string

	Routers []RouterView
	CareOf  netip.Addr // invalid: none
	Ready   bool       // CareOf may be used
	Old     []netip.Addr

	LinkLocal  netip.Addr   // one that we made in place of one that failed; invalid: none
	Duplicates []netip.Addr // not ours, and in use by other nodes
}

// RouterView is one router of an interface.
type RouterView struct {
	Address   netip.Addr
	LinkAddr  []byte
	HomeAgent bool
	Default   bool
	Shared    bool          // it shares the link's load with others (RFC 4311)
	Heard     time.Duration // ago
	Interval  time.Duration // Advertisement Interval; 0: not advertised
	Prefixes  []PrefixView
}

// PrefixView is one prefix of a router.
type PrefixView struct {
	Prefix    netip.Prefix
	Valid     time.Duration // left; role.Infinite: no end
	Preferred time.Duration
	OnLink    bool
	Auto      bool
}

// HomeStates are the values of BindingView.State.
func HomeStates() []string { return append(stageNames[:], stateWaiting) }

// Bindings returns a copy of the state of all home addresses, in the order of
// the configuration.
func (m *Machine) Bindings(now time.Time) []BindingView {
	views := make([]BindingView, 0, len(m.homes))
	for _, h := range m.homes {
		v := BindingView{
			HomeAddress: h.HomeAddress, HomeAgent: h.homeAgent(),
			State: h.stage.String(), Mode: h.path.Mode,
			Refused: h.refused, Retries: max(h.backoff.Tries-1, 0),
			Sequence: m.bul.Sequence(h.key()), Status: h.status, HasStatus: h.hasStatus,
		}
		if h.Network != nil {
			v.MobilePrefixes = h.Network.Prefixes
		}
		if h.stage == stageAway { // elsewhere there is none (RFC 5555 §4.4.4)
			v.IPv4HomeAddress = h.ipv4.addr
			if h.ipv4.refused != mh.IPv4Accepted {
				v.IPv4Refused = h.ipv4.refused.String()
			}
		}
		if h.link != nil {
			v.Ifindex, v.Interface = h.link.ifindex, h.link.Name
		}
		if h.careOf != nil {
			v.CareOf = h.careOf.addr
		}
		if !h.due.IsZero() && m.canSend(h) {
			v.Next = max(h.due.Sub(now), 0)
		}
		if e := m.entry(h); e != nil {
			v.Registered, v.Waiting = e.Registered(now), e.Outstanding()
			v.Lifetime, v.Remaining = e.Granted, e.Remaining(now)
			if v.Registered {
				v.Bound = e.Bound
			}
		}
		views = append(views, v)
	}
	for _, s := range m.stateful {
		if s.home == nil {
			views = append(views, s.waiting())
		}
	}
	return views
}

// Interfaces returns a copy of the state of all managed interfaces that exist,
// best first.
func (m *Machine) Interfaces(now time.Time) []InterfaceView {
	views := make([]InterfaceView, 0, len(m.links))
	for _, l := range m.links {
		v := InterfaceView{
			Ifindex: l.ifindex, Name: l.Name, Preference: l.Preference, Up: l.up, State: l.state(),
		}
		for _, r := range l.routers {
			rv := r.view(now)
			rv.Shared = slices.Contains(l.share.Routers, r.addr)
			v.Routers = append(v.Routers, rv)
		}
		if l.careOf != nil {
			v.CareOf, v.Ready = l.careOf.addr, l.careOf.ready
		}
		for _, c := range l.stale {
			v.Old = append(v.Old, c.addr)
		}
		v.LinkLocal, v.Duplicates = l.linkLocal, slices.Clone(l.duplicates)
		views = append(views, v)
	}
	return views
}

func (l *link) state() string {
	switch {
	case !l.up:
		return "down"
	case l.doubt.active():
		return "probing"
	case l.confirmed:
		return "confirmed"
	case l.silent:
		return "silent"
	}
	return "soliciting"
}

func (r *router) view(now time.Time) RouterView {
	v := RouterView{
		Address: r.addr, LinkAddr: slices.Clone(r.linkAddr), HomeAgent: r.homeAgent,
		Default: r.defaultUntil.After(now), Heard: now.Sub(r.heard), Interval: r.interval,
	}
	for _, p := range r.prefixes {
		v.Prefixes = append(v.Prefixes, PrefixView{
			Prefix: p.net, Valid: leftAt(now, p.validUntil), Preferred: leftAt(now, p.preferredUntil),
			OnLink: p.onLink, Auto: p.auto,
		})
	}
	return v
}

// leftAt is the time from now until an end, or Infinite where there is none.
func leftAt(now, end time.Time) time.Duration {
	if end.IsZero() {
		return role.Infinite
	}
	return max(end.Sub(now), 0)
}
