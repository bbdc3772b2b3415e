package ctl

import (
	"net/netip"
	"testing"
	"time"

	"mip6d/internal/role"
)

// BenchmarkPublish is what an event costs that nobody watches, to be made and kept.
func BenchmarkPublish(b *testing.B) {
	var h Hub
	h.Keep(8192, time.Time{})
	n := role.Notice{
		Kind: role.NoticeBindingRefreshed, HoA: netip.MustParseAddr("2001:db8:1::100"), CoA: netip.MustParseAddr("2001:db8:f1::1"),
		HA: netip.MustParseAddr("2001:db8:1::1"), Lifetime: time.Minute, HasStatus: true, Text: "binding refreshed",
	}
	b.ReportAllocs()
	for b.Loop() {
		h.Publish(NewEvent(time.Time{}, n, nil))
	}
}
