package journal

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/decode"
	"mip6d/internal/mh"
)

// message is a Mobility Header message with its addresses on the wire.
type message struct {
	src, dst      netip.Addr
	home, routing netip.Addr // in extension headers
	tunnelled     bool
	raw           []byte
}

// ends are the end points of a message: those that its checksum covers.
func (m message) ends() (from, to netip.Addr) {
	from, to = m.src, m.dst
	if m.home.IsValid() {
		from = m.home
	}
	if m.routing.IsValid() {
		to = m.routing
	}
	return from, to
}

func (t *teller) message(m message, kind string) (s ctl.TraceStep, ours bool) {
	from, to := m.ends()
	msg, err := mh.Parse(m.raw)
	// A Care-of Test and its Init have no home address in them.
	byCareOf := err == nil && (msg.Type() == mh.TypeCareOfTestInit && t.careOf[m.src] || msg.Type() == mh.TypeCareOfTest && t.careOf[m.dst])
	if from != t.home && to != t.home && !byCareOf {
		return s, false
	}
	s = ctl.TraceStep{
		Kind: kind, Source: m.src, Destination: m.dst, HomeAddress: m.home, RoutingHome: m.routing, Tunnelled: m.tunnelled,
	}
	if err != nil {
		s.What, s.Text, s.Warn = "Mobility Header", "cannot be parsed: "+err.Error(), true
		return s, true
	}
	s.What, s.Text = msg.Type().String(), summary(msg)
	if !mh.ChecksumOK(m.raw, from, to) {
		s.Text, s.Warn = s.Text+", wrong checksum", true
	}
	s.Retransmits = t.asked(msg, from, to, m.src)
	s.Message = decoded(m.raw, from, to)
	return s, true
}

// asked counts retransmissions.
func (t *teller) asked(msg mh.Message, from, to, src netip.Addr) int {
	switch msg := msg.(type) {
	case *mh.BindingUpdate:
		q := question{kind: mh.TypeBindingUpdate, from: from, to: to, careOf: src, ends: msg.Lifetime == 0}
		if alt, ok := mh.Find[mh.AlternateCareOfAddress](msg.Options); ok {
			q.careOf = alt.CareOf
		}
		return t.count(q)
	case *mh.HomeTestInit, *mh.CareOfTestInit:
		return t.count(question{kind: msg.Type(), from: from, to: to})
	case *mh.BindingAcknowledgement:
		t.answered(mh.TypeBindingUpdate, to, from)
	case *mh.HomeTest:
		t.answered(mh.TypeHomeTestInit, to, from)
	case *mh.CareOfTest:
		t.answered(mh.TypeCareOfTestInit, to, from)
	}
	return 0
}

// summary is what a person wants to know of a message first.
func summary(msg mh.Message) string {
	switch m := msg.(type) {
	case *mh.BindingUpdate:
		var flags []string
		for _, f := range []struct {
			name string
			set  bool
		}{{"A", m.Ack}, {"H", m.Home}, {"L", m.LinkLocal}, {"K", m.KeyMgmt}, {"R", m.Router}} {
			if f.set {
				flags = append(flags, f.name)
			}
		}
		text := fmt.Sprintf("seq %d, %s, lifetime %v", m.Sequence, strings.Join(flags, ""), m.Lifetime)
		if len(flags) == 0 {
			text = fmt.Sprintf("seq %d, lifetime %v", m.Sequence, m.Lifetime)
		}
		if alt, ok := mh.Find[mh.AlternateCareOfAddress](m.Options); ok {
			text += ", care-of address " + alt.CareOf.String()
		}
		return text + options(m.Options)
	case *mh.BindingAcknowledgement:
		return fmt.Sprintf("status %d (%s), seq %d, lifetime %v", m.Status, m.Status, m.Sequence, m.Lifetime) + options(m.Options)
	case *mh.BindingError:
		return fmt.Sprintf("status %d (%s)", m.Status, m.Status.ErrorString())
	case *mh.HomeTest:
		return fmt.Sprintf("nonce %d", m.NonceIndex)
	case *mh.CareOfTest:
		return fmt.Sprintf("nonce %d", m.NonceIndex)
	}
	return ""
}

// options names what authenticates a message, and when it was made.
func options(list mh.Options) string {
	var text string
	if _, ok := mh.Find[mh.MobilityMessageAuthentication](list); ok {
		text += ", authenticated"
	}
	if _, ok := mh.Find[mh.BindingAuthorizationData](list); ok {
		text += ", authorized"
	}
	if id, ok := mh.Find[mh.MesgID](list); ok {
		at := time.Unix(int64(id.Timestamp>>32)-2208988800, 0).UTC()
		text += ", made " + at.Format("15:04:05") + " UTC"
	}
	if n, ok := mh.Find[mh.NonceIndices](list); ok {
		text += fmt.Sprintf(", nonces %d and %d", n.Home, n.CareOf)
	}
	return text
}

// secrets are fields by which one could answer in another's name.
var secrets = map[string]bool{
	"home_keygen_token": true, "care_of_keygen_token": true, "home_init_cookie": true, "care_of_init_cookie": true,
}

// decoded is a message as mip6ctl decode prints it, without secrets.
func decoded(raw []byte, from, to netip.Addr) json.RawMessage {
	fields, err := decode.Decode(raw, decode.Options{Kind: decode.MH, Src: from, Dst: to})
	if err != nil {
		return nil
	}
	var told decode.Fields
	for _, f := range fields {
		if !secrets[f.Name] {
			told = append(told, f)
		}
	}
	out, err := json.Marshal(told)
	if err != nil {
		return nil
	}
	return out
}
