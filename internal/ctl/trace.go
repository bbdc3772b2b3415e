package ctl

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Trace is the story of one mobile node, as far as it is kept.
type Trace struct {
	HomeAddress netip.Addr  `json:"home_address"`
	Since       time.Time   `json:"since"` // everything that happened after it was kept
	Steps       []TraceStep `json:"steps"` // the oldest first
}

// The kinds of a TraceStep.
const (
	StepReceived  = "received"  // a message came
	StepSent      = "sent"      // a message left
	StepKernel    = "kernel"    // the kernel was asked for something
	StepStore     = "store"     // so was the store
	StepDetection = "detection" // duplicate address detection began or ended
	StepEvent     = "event"     // what watch tells as well
)

// TraceStep is one thing that happened. A message has its addresses as on the wire, and
// is decoded as `mip6ctl decode` does, without keygen tokens and cookies.
type TraceStep struct {
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	What string    `json:"what"` // a message's name, what was asked for, an event's kind
	Text string    `json:"text"` // for people

	Source        netip.Addr      `json:"source,omitzero"`
	Destination   netip.Addr      `json:"destination,omitzero"`
	HomeAddress   netip.Addr      `json:"home_address,omitzero"`   // in a Home Address option
	RoutingHome   netip.Addr      `json:"routing_header,omitzero"` // in a type 2 routing header
	Tunnelled     bool            `json:"tunnelled,omitzero"`      // it came out of the tunnel
	Message       json.RawMessage `json:"message,omitempty"`
	Retransmits   int             `json:"retransmission,omitzero"` // it asks for the same for the so-manieth time again
	Took          Seconds         `json:"took_s,omitzero"`         // the call in which it was done, perhaps with other things
	Error         string          `json:"error,omitzero"`
	Warn          bool            `json:"warn,omitzero"`
	SincePrevious Seconds         `json:"since_previous_s"` // step
}

// TraceFilter says whose story is wanted, and from when on.
type TraceFilter struct {
	HomeAddress netip.Addr
	Since       time.Time
}

var traceParameters = []parameter{
	{"home_address", `{$ref: "#/components/schemas/Address"}`, "whose", true},
	{"since", `{type: string, format: date-time}`, "what happened then and later", false},
}

func (s *Server) trace(w http.ResponseWriter, r *http.Request) {
	f, err := parseTraceFilter(r.URL.Query())
	if err != nil {
		s.fail(w, http.StatusBadRequest, err)
		return
	}
	answer(s, whole(func(ctx context.Context) (Trace, error) { return s.src.Trace(ctx, f) },
		func(t *Trace) { t.Steps = orEmpty(t.Steps) }))(w, r)
}

func parseTraceFilter(q url.Values) (f TraceFilter, err error) {
	for name, values := range q {
		switch name {
		case "since":
			f.Since, err = time.Parse(time.RFC3339, values[0])
		case "home_address":
			f.HomeAddress, err = netip.ParseAddr(values[0])
		default:
			err = fmt.Errorf("there is no such parameter")
		}
		if err != nil {
			return f, fmt.Errorf("%s=%s: %w", name, values[0], err)
		}
	}
	if !f.HomeAddress.IsValid() {
		err = fmt.Errorf("home_address says whose story is wanted, and is missing")
	}
	return f, err
}

// Trace asks for the story of one mobile node.
func (c *Client) Trace(ctx context.Context, f TraceFilter) (Trace, error) {
	q := url.Values{"home_address": {f.HomeAddress.String()}}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	return get[Trace](ctx, c, "/v1/trace?"+q.Encode())
}
