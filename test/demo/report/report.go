// Package report is what the demonstration leaves behind: report.json for
// programs and report.html, one self-contained page, for people.
package report

import (
	"encoding/json"
	"io"
	"math"
	"slices"
	"time"
)

// Report is report.json.
type Report struct {
	Handovers   []Handover `json:"handovers"`
	TCP         TCP        `json:"tcp"`
	PathStretch *Stretch   `json:"path_stretch"` // null: not measured
	IPsec       *IPsec     `json:"ipsec"`        // null: not measured
}

// IPsec compares moves with signalling that is protected with static keys with those of the
// handovers, which have a key of RFC 4285: medians of the interruptions between foreign links.
type IPsec struct {
	Moves        int     `json:"moves"`
	Interruption Ms      `json:"interruption_ms"`
	Plain        Ms      `json:"plain_ms"`
	Ratio        float64 `json:"ratio"`
}

// CompareIPsec makes it of the handovers of two performances; nil where one has no move
// between foreign links.
func CompareIPsec(protected, plain Report) *IPsec {
	a, ok := protected.MedianForeign()
	b, ok2 := plain.MedianForeign()
	if !ok || !ok2 || b == 0 {
		return nil
	}
	c := &IPsec{Interruption: a, Plain: b, Ratio: math.Round(100*a.Float()/b.Float()) / 100}
	for _, h := range protected.Handovers {
		if h.From != home && h.To != home {
			c.Moves++
		}
	}
	return c
}

// Stretch compares the way by the home agent with the direct one, from a foreign
// link: medians of the echo streams' round trips while nothing moves.
type Stretch struct {
	TunnelRTT Ms      `json:"tunnel_rtt_ms"`
	DirectRTT Ms      `json:"direct_rtt_ms"`
	Ratio     float64 `json:"ratio"`
}

// TCP tells of the transfer that ran all the time.
type TCP struct {
	Bytes int64 `json:"bytes"` // that made the way to the CN and back, verified
	OK    bool  `json:"ok"`    // and these are all that were sent
}

// Handover is one move. Times are milliseconds after the link came up; null
// means that it was not seen.
type Handover struct {
	Name         string `json:"name"`
	From         string `json:"from"` // home, foreign1 or foreign2
	To           string `json:"to"`
	LinkUp       *Ms    `json:"link_up_ms"`      // 0
	RA           *Ms    `json:"ra_ms"`           // first Router Advertisement on the new link
	CoAReady     *Ms    `json:"coa_ready_ms"`    // the address the Binding Update is sent from may be used
	BUSent       *Ms    `json:"bu_sent_ms"`      // first Binding Update
	BAReceived   *Ms    `json:"ba_received_ms"`  // first Binding Acknowledgement
	FirstPacket  *Ms    `json:"first_packet_ms"` // first echo reply of either stream
	Interruption Ms     `json:"interruption_ms"` // longest time without a reply, the worse of both streams
	Lost         int    `json:"lost"`            // requests without a reply, both streams
	Sent         int    `json:"sent"`

	// RO is the same move as seen by other streams, whose peer lets its path be
	// optimised; null where nothing was seen of that.
	RO *RO `json:"ro"`
}

// RO is route optimisation in one move (RFC 6275 §11.6, §11.7.2). Times are
// milliseconds after the link came up; null means that it was not seen: coming
// home needs no test.
type RO struct {
	CoTI         *Ms `json:"coti_ms"`                // first Care-of Test Init
	CoT          *Ms `json:"cot_ms"`                 // first Care-of Test
	BU           *Ms `json:"bu_ms"`                  // first Binding Update to the correspondent
	FirstDirect  *Ms `json:"first_direct_packet_ms"` // first packet on the direct path, out or in
	Interruption Ms  `json:"interruption_ms"`
	Lost         int `json:"lost"`
	Sent         int `json:"sent"`
}

// Ms is a duration that is written as milliseconds with two decimals.
type Ms time.Duration

// MarshalJSON writes a number.
func (m Ms) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(m.Float()*100) / 100)
}

// UnmarshalJSON reads a number.
func (m *Ms) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	*m = Ms(f * float64(time.Millisecond))
	return nil
}

// Float is the number of milliseconds.
func (m Ms) Float() float64 { return float64(m) / float64(time.Millisecond) }

// WriteJSON writes report.json.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// MedianForeign is the median interruption of the moves between foreign links;
// false when there was none.
func (r Report) MedianForeign() (Ms, bool) {
	return r.median(func(h Handover) (Ms, bool) { return h.Interruption, true })
}

// MedianForeignRO is the same for the optimised streams.
func (r Report) MedianForeignRO() (Ms, bool) {
	return r.median(func(h Handover) (Ms, bool) {
		if h.RO == nil {
			return 0, false
		}
		return h.RO.Interruption, true
	})
}

func (r Report) median(figure func(Handover) (Ms, bool)) (Ms, bool) {
	var all []Ms
	for _, h := range r.Handovers {
		if m, ok := figure(h); ok && h.From != home && h.To != home {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[(len(all)-1)/2], true
}

const home = "home"

// Complete says what is missing for the demonstration to count as one, or "".
func (r Report) Complete() string {
	switch {
	case len(r.Handovers) == 0:
		return "no handover took place"
	case !r.TCP.OK:
		return "the TCP transfer did not survive"
	}
	for _, h := range r.Handovers {
		if h.FirstPacket == nil {
			return h.Name + ": no packet came through"
		}
		if h.BUSent == nil || h.BAReceived == nil {
			return h.Name + ": no registration was seen"
		}
		if h.To != home && (h.RO == nil || h.RO.FirstDirect == nil) {
			return h.Name + ": no packet took the direct path"
		}
	}
	return ""
}
