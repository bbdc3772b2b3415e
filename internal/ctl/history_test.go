package ctl

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"mip6d/internal/role"
)

// story publishes a handover among many refreshes: one event a second from noon on.
func story(h *Hub, refreshes int) {
	for i := range refreshes + 1 {
		e := Event{Time: noon.Add(time.Duration(i) * time.Second), Kind: string(role.NoticeBindingRefreshed), HomeAddress: thePeer}
		if i == 1 {
			e.Kind, e.HomeAddress = string(role.NoticeBindingMoved), netip.MustParseAddr("2001:db8:1::7")
		}
		h.Publish(e)
	}
}

func kindsOf(e Events) string {
	var list []string
	for _, x := range e.Events {
		list = append(list, x.Kind)
	}
	return strings.Join(list, " ")
}

// TestHistoryIsBounded: refreshes displace refreshes, and not the handover; what is
// kept is told.
func TestHistoryIsBounded(t *testing.T) {
	var h Hub
	h.Keep(3, noon.Add(-time.Hour))
	story(&h, 10)
	got := h.Events(EventFilter{})
	if kinds := kindsOf(got); kinds != "binding_moved binding_refreshed binding_refreshed binding_refreshed" {
		t.Errorf("kept %s", kinds)
	}
	if !got.Since.Equal(noon.Add(-time.Hour)) || !got.RoutineSince.Equal(noon.Add(7*time.Second)) {
		t.Errorf("since %v, routine since %v", got.Since, got.RoutineSince)
	}
	for i, want := range []uint64{2, 9, 10, 11} {
		if got.Events[i].Number != want {
			t.Errorf("event %d has number %d, want %d", i, got.Events[i].Number, want)
		}
	}
}

func TestHistoryFilters(t *testing.T) {
	var h Hub
	h.Keep(100, noon)
	story(&h, 10)
	for _, tt := range []struct {
		name string
		f    EventFilter
		want []uint64
	}{
		{"since", EventFilter{Since: noon.Add(9 * time.Second)}, []uint64{10, 11}},
		{"after", EventFilter{After: 9}, []uint64{10, 11}},
		{"home address", EventFilter{HomeAddress: netip.MustParseAddr("2001:db8:1::7")}, []uint64{2}},
		{"last", EventFilter{Last: 1}, []uint64{11}},
		{"last of one", EventFilter{Last: 1, HomeAddress: netip.MustParseAddr("2001:db8:1::7")}, []uint64{2}},
		{"none", EventFilter{After: 11}, nil},
	} {
		got := h.Events(tt.f).Events
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d events, want %v", tt.name, len(got), tt.want)
			continue
		}
		for i := range got {
			if got[i].Number != tt.want[i] {
				t.Errorf("%s: event %d, want %d", tt.name, got[i].Number, tt.want[i])
			}
		}
	}
}

// TestHistoryKeepsNothing: where it is not wanted, and that is told.
func TestHistoryKeepsNothing(t *testing.T) {
	var h Hub
	h.Keep(0, noon)
	story(&h, 10)
	if got := h.Events(EventFilter{}); len(got.Events) != 0 || !got.RoutineSince.Equal(noon.Add(10*time.Second)) {
		t.Errorf("kept %+v", got)
	}
}

// TestEventsQuery: the question arrives as it was asked, and a wrong one is refused.
func TestEventsQuery(t *testing.T) {
	src := &Fake{EventsAre: Events{Since: noon, RoutineSince: noon, Events: []Event{{Number: 5, Time: noon, Kind: "fault"}}}}
	path, _ := serve(t, src)
	c := NewClient(path)
	defer c.Close()
	got, err := c.Events(t.Context(), EventFilter{Since: noon, After: 3, HomeAddress: thePeer, Last: 4})
	if err != nil || len(got.Events) != 1 || got.Events[0].Number != 5 || !got.Since.Equal(noon) {
		t.Errorf("%+v, %v", got, err)
	}
	want := "Events since " + noon.UTC().Format(time.RFC3339) + " after 3 of " + thePeer.String() + " last 4"
	if asked := src.Asked(); len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
	for _, q := range []string{"since=yesterday", "after=-1", "home_address=x", "last=0", "until=1"} {
		if _, err := get[Events](t.Context(), c, "/v1/events?"+q); err == nil || !strings.Contains(err.Error(), q[:strings.Index(q, "=")]) {
			t.Errorf("%s: %v", q, err)
		}
	}
}

// FuzzQuery: what is understood of a query string is what it is asked with again.
func FuzzQuery(f *testing.F) {
	f.Add("since=2026-01-02T12:00:00Z&after=3&home_address=2001:db8::1&last=4")
	f.Add("home_address=fe80::1%25eth0")
	f.Add("last=-1&&=;%")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if e, err := parseEventFilter(q); err == nil {
			again, err := parseEventFilter(e.query())
			if err != nil || again.After != e.After || again.Last != e.Last || again.HomeAddress != e.HomeAddress || !again.Since.Equal(e.Since) {
				t.Errorf("%q: %+v, then %+v (%v)", text, e, again, err)
			}
		}
		if x, err := parseTraceFilter(q); err == nil && !x.HomeAddress.IsValid() {
			t.Errorf("%q is nobody's story", text)
		}
	})
}
