package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
)

// telling is a daemon to which something happens each time that it is asked, at times
// that are the same for two things in a row.
type telling struct {
	ctl.Fake
	now  time.Time
	all  []ctl.TraceStep
	stop func()
}

func (s *telling) Trace(_ context.Context, f ctl.TraceFilter) (ctl.Trace, error) {
	if len(s.all) == 9 {
		s.stop()
	}
	for range 3 {
		n := len(s.all)
		s.all = append(s.all, ctl.TraceStep{Time: s.now.Add(time.Duration(n/2) * time.Millisecond), Kind: ctl.StepEvent, What: fmt.Sprintf("thing %d", n)})
	}
	out := ctl.Trace{HomeAddress: f.HomeAddress}
	for _, x := range s.all {
		if !x.Time.Before(f.Since) {
			out.Steps = append(out.Steps, x)
		}
	}
	return out, nil
}

// TestTraceFollows: what comes later is printed as it comes, each thing once.
func TestTraceFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := ctl.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	enough, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	src := &telling{now: time.Now(), stop: interrupt}
	go func() { served <- ctl.NewServer(src, nil).Serve(ctx, l) }()
	defer func() { stop(); <-served }()

	var out bytes.Buffer
	cmd := newRoot()
	cmd.SetArgs([]string{"--socket", path, "trace", netip.MustParseAddr("2001:db8:1::100").String(), "--follow"})
	cmd.SetOut(&out)
	if err := cmd.ExecuteContext(enough); err != nil {
		t.Fatal(err)
	}
	for n := range 9 {
		if got := strings.Count(out.String(), fmt.Sprintf("thing %d\n", n)); got != 1 {
			t.Errorf("thing %d is told %d times:\n%s", n, got, out.String())
		}
	}
}
