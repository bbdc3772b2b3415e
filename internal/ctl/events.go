package ctl

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"
)

var eventParameters = []parameter{
	{"since", `{type: string, format: date-time}`, "events of then and later", false},
	{"after", `{type: integer, minimum: 0}`, "events with a greater number", false},
	{"home_address", `{$ref: "#/components/schemas/Address"}`, "events of one mobile node", false},
	{"last", `{type: integer, minimum: 1}`, "no more than so many, the newest", false},
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	f, err := parseEventFilter(r.URL.Query())
	if err != nil {
		s.fail(w, http.StatusBadRequest, err)
		return
	}
	answer(s, whole(func(ctx context.Context) (Events, error) { return s.src.Events(ctx, f) },
		func(e *Events) { e.Events = orEmpty(e.Events) }))(w, r)
}

func parseEventFilter(q url.Values) (f EventFilter, err error) {
	for name, values := range q {
		v := values[0]
		switch name {
		case "since":
			f.Since, err = time.Parse(time.RFC3339, v)
		case "after":
			f.After, err = strconv.ParseUint(v, 10, 64)
		case "home_address":
			f.HomeAddress, err = netip.ParseAddr(v)
		case "last":
			if f.Last, err = strconv.Atoi(v); err == nil && f.Last < 1 {
				err = strconv.ErrRange
			}
		default:
			err = fmt.Errorf("there is no such parameter")
		}
		if err != nil {
			return f, fmt.Errorf("%s=%s: %w", name, v, err)
		}
	}
	return f, nil
}

// query is the other way round.
func (f EventFilter) query() url.Values {
	q := make(url.Values)
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if f.After > 0 {
		q.Set("after", strconv.FormatUint(f.After, 10))
	}
	if f.HomeAddress.IsValid() {
		q.Set("home_address", f.HomeAddress.String())
	}
	if f.Last > 0 {
		q.Set("last", strconv.Itoa(f.Last))
	}
	return q
}

// Events asks for what is kept of the past.
func (c *Client) Events(ctx context.Context, f EventFilter) (Events, error) {
	what := "/v1/events"
	if q := f.query(); len(q) > 0 {
		what += "?" + q.Encode()
	}
	return get[Events](ctx, c, what)
}
