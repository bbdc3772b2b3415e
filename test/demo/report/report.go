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
	Handovers []Handover `json:"handovers"`
	TCP       TCP        `json:"tcp"`
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
	var all []Ms
	for _, h := range r.Handovers {
		if h.From != home && h.To != home {
			all = append(all, h.Interruption)
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
	}
	return ""
}
