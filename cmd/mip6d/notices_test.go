package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// Who asks in the name of an address to which there is no way can't fill the log.
func TestPacketsThatCannotBeSentDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := &daemon{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 1000 { // in 20 s
			d.failed(role.SendICMP{}, errors.New("network is unreachable"))
			d.failed(role.AdvertiseRouter{}, errors.New("network is down"))
			time.Sleep(20 * time.Millisecond)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines", n)
		}
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "not_logged=1001") {
			t.Error(log.String())
		}
		log.Reset()
		d.failed(role.SetBinding{}, errors.New("no buffer space"))
		d.failed(role.SetBinding{}, errors.New("no buffer space"))
		if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
			t.Errorf("of what the kernel refused %d lines", n)
		}
	})
}

// TestEventsAreKeptForThoseWhoAskLater, whether or not anybody watches when they happen.
func TestEventsAreKeptForThoseWhoAskLater(t *testing.T) {
	d := &daemon{log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	d.hub.Keep(10, now)
	d.notify(now, role.Notice{Kind: role.NoticeAtHome})
	if got := d.hub.Events(ctl.EventFilter{}).Events; len(got) != 1 {
		t.Errorf("events %+v", got)
	}
}
