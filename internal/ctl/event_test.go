package ctl

import (
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestNewEvent(t *testing.T) {
	name := func(i int) string { return map[int]string{3: "eth0"}[i] }
	for _, tt := range []struct {
		notice role.Notice
		want   string
	}{
		{
			role.Notice{
				Kind: role.NoticeBindingRefused, HoA: netip.MustParseAddr("2001:db8:1::100"), CoA: netip.MustParseAddr("2001:db8:f1::1"),
				HA: netip.MustParseAddr("2001:db8:1::1"), Ifindex: 3, Sequence: 0, Lifetime: 420 * time.Second,
				Status: mh.StatusDADFailed, HasStatus: true, Warn: true, Text: "address in use",
			},
			`{"number":0,"time":"2026-01-02T12:00:00Z","kind":"binding_refused","home_address":"2001:db8:1::100","care_of":"2001:db8:f1::1",` +
				`"home_agent":"2001:db8:1::1","ifindex":3,"interface":"eth0","sequence":0,"lifetime_s":420,"status":134,` +
				`"status_text":"Duplicate Address Detection failed","warn":true,"text":"address in use"}`,
		},
		{
			// Status 0 is a status; without HasStatus it is none.
			role.Notice{Kind: role.NoticeAckReceived, Sequence: 9, HasStatus: true},
			`{"number":0,"time":"2026-01-02T12:00:00Z","kind":"binding_acknowledgement_received","sequence":9,"lifetime_s":0,"status":0,` +
				`"status_text":"Binding Update accepted","warn":false,"text":""}`,
		},
		{
			// No binding is told of, so there's no sequence number or lifetime.
			role.Notice{Kind: role.NoticeLinkDown, Ifindex: 4, Text: "carrier lost"},
			`{"number":0,"time":"2026-01-02T12:00:00Z","kind":"link_down","ifindex":4,"warn":false,"text":"carrier lost"}`,
		},
	} {
		b, err := json.Marshal(NewEvent(noon, tt.notice, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.notice.Kind, b, tt.want)
		}
	}
}
