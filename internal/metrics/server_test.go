package metrics

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serve runs a server on a free port and returns its URL.
func serve(t *testing.T, src Source) (url string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, NewRegistry(src, busy()), slog.New(slog.DiscardHandler)) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve did not end")
		}
	}
	t.Cleanup(stop)
	return "http://" + l.Addr().String(), stop
}

func TestServe(t *testing.T) {
	url, stop := serve(t, filled())
	for _, tt := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/metrics", http.StatusOK},
		{http.MethodPost, "/metrics", http.StatusMethodNotAllowed},
		{http.MethodGet, "/", http.StatusNotFound},
		{http.MethodGet, "/debug/pprof/", http.StatusNotFound},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, url+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != tt.want {
			t.Errorf("%s %s: %s (%v)", tt.method, tt.path, resp.Status, err)
		}
		if tt.want != http.StatusOK {
			continue
		}
		if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain") {
			t.Errorf("content type %q", got)
		}
		if !strings.Contains(string(body), "\nmip6d_bindings{binding=\"home\"} 7\n") {
			t.Errorf("no bindings in\n%s", body)
		}
	}
	stop()
	if _, err := http.Get(url + "/metrics"); err == nil {
		t.Error("it answers after its end")
	}
}

// stuck is a Source whose engine does not answer before the scrape gives up.
type stuck struct{ Fake }

func (*stuck) Tables(ctx context.Context) (Tables, error) {
	<-ctx.Done()
	return Tables{}, ctx.Err()
}

// TestServeWithStuckEngine: a scrape shows what can be had, in bounded time.
func TestServeWithStuckEngine(t *testing.T) {
	url, _ := serve(t, &stuck{*filled()})
	start := time.Now()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "\nmip6d_collector_success{collector=\"engine\"} 0\n") ||
		!strings.Contains(string(body), "\nmip6d_engine_queue_events 3\n") {
		t.Errorf("%v\n%s", err, body)
	}
	if took := time.Since(start); took < askTimeout || took > 5*askTimeout {
		t.Errorf("the scrape took %v, want %v and little more", took, askTimeout)
	}
}
