package ctl

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serve runs a server of src and returns its socket's path. It ends with the
// test, or when the returned function is called.
func serve(t *testing.T, src Source) (string, func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(src, nil).Serve(ctx, l) }()
	stopped := false
	stop := func() {
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
	return path, stop
}

func filled() *Fake {
	status := uint8(135)
	return &Fake{
		StatusIs: Status{
			Roles: []string{RoleHomeAgent, RoleCorrespondentNode}, Version: "1.2", PID: 7, Since: noon, Config: "/etc/mip6d/mip6d.yaml",
			Loaded: noon, Problems: []Problem{{Since: noon, Text: "link eth0 is down"}},
		},
		BindingsAre: []Binding{{
			HomeAddress: netip.MustParseAddr("2001:db8:1::100"), CareOf: netip.MustParseAddr("2001:db8:f1::1"),
			HomeAgent: netip.MustParseAddr("2001:db8:1::1"), Interface: "eth0", Sequence: 65535, Authenticated: true,
			Lifetime: Seconds(420 * time.Second), Remaining: Seconds(77500 * time.Millisecond), Expires: noon, Moves: 3,
		}},
		BULIs: []BindingUpdate{{
			HomeAddress: netip.MustParsePrefix("2001:db8:1::100/64"), HomeAgent: netip.MustParseAddr("2001:db8:1::1"),
			State: "away", Mode: "tunnelled", Registered: true, LastStatus: &status, LastStatusIs: "sequence number out of window",
		}},
		InterfacesAre: []Interface{{
			Name: "wlan0", Ifindex: 3, Use: UseMobile, Up: true, State: "confirmed", Active: true, Preference: 10,
			Addresses: []InterfaceAddress{{Address: netip.MustParseAddr("2001:db8:f1::1"), Use: AddressCareOf, Ready: true}},
			Routers: []Router{{
				Address: netip.MustParseAddr("fe80::1"), LinkAddr: "02:00:00:00:00:01", Default: true, Heard: Seconds(time.Second),
				Prefixes: []RouterPrefix{{Prefix: netip.MustParsePrefix("2001:db8:f1::/64"), Valid: Forever, Preferred: Seconds(time.Hour), OnLink: true, Auto: true}},
			}},
		}},
		StatsAre: Stats{Counters: map[string]uint64{"mh_in": 12}, DataPath: map[string]uint64{"tunnel_dropped_spoofed": 1 << 60}},
	}
}

var addrs = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// TestRoundTrip: what the Source says arrives at the client.
func TestRoundTrip(t *testing.T) {
	src := filled()
	path, _ := serve(t, src)
	c := NewClient(path)
	defer c.Close()
	ctx := t.Context()
	for _, tt := range []struct {
		name string
		want any
		ask  func() (any, error)
	}{
		{"Status", src.StatusIs, func() (any, error) { return c.Status(ctx) }},
		{"Bindings", src.BindingsAre, func() (any, error) { return c.Bindings(ctx) }},
		{"BUL", src.BULIs, func() (any, error) { return c.BUL(ctx) }},
		{"Interfaces", src.InterfacesAre, func() (any, error) { return c.Interfaces(ctx) }},
		{"Stats", src.StatsAre, func() (any, error) { return c.Stats(ctx) }},
	} {
		got, err := tt.ask()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, got, addrs); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
	if diff := cmp.Diff([]string{"Status", "Bindings", "BUL", "Interfaces", "Stats"}, src.Asked()); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

// TestEmptyLists: programs get [] and {}, and never null.
func TestEmptyLists(t *testing.T) {
	src := &Fake{}
	path, _ := serve(t, src)
	for _, tt := range []struct {
		what       string
		interfaces []Interface
		want       string
	}{
		{"bindings", nil, "[]"},
		{"bul", nil, "[]"},
		{"interfaces", nil, "[]"},
		{"interfaces", []Interface{{Name: "a", Use: UseMobile, Routers: []Router{{Address: netip.MustParseAddr("fe80::1")}}}},
			`[{"name":"a","use":"mobile","up":false,"active":false,"preference":0,"addresses":[],"routers":` +
				`[{"address":"fe80::1","home_agent":false,"default":false,"shares_load":false,"heard_s":0,"prefixes":[]}]}]`},
		{"stats", nil, `{"counters":{},"data_path":{}}`},
		{"status", nil, `{"roles":[],"version":"","pid":0,"since":"0001-01-01T00:00:00Z","config":"","config_loaded":"0001-01-01T00:00:00Z","problems":[]}`},
	} {
		src.InterfacesAre = tt.interfaces
		resp, err := NewClient(path).http.Get("http://mip6d/v1/" + tt.what)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(b) != tt.want+"\n" || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %s as %s\nwant %s", tt.what, b, resp.Header.Get("Content-Type"), tt.want)
		}
	}
}

func TestSourceFails(t *testing.T) {
	path, _ := serve(t, &Fake{Err: errors.New("the engine has stopped")})
	_, err := NewClient(path).Bindings(t.Context())
	if err == nil || err.Error() != "mip6d answers: the engine has stopped" {
		t.Errorf("got %v", err)
	}
}

func TestUnknownRequests(t *testing.T) {
	path, _ := serve(t, &Fake{})
	c := NewClient(path)
	if _, err := get[any](t.Context(), c, "/v1/nothing"); err == nil || err.Error() != "mip6d answers: mip6d knows no GET /v1/nothing" {
		t.Errorf("got %v", err)
	}
	resp, err := c.http.Post("http://mip6d/v1/status", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		t.Error("POST is taken for GET")
	}
}

// TestWatch: events arrive one by one as they happen, not at the end.
func TestWatch(t *testing.T) {
	src := &Fake{}
	path, stop := serve(t, src)
	c := NewClient(path)
	ready, got, ended := make(chan struct{}), make(chan Event), make(chan error, 1)
	go func() {
		ended <- c.Watch(t.Context(), func() { close(ready) }, func(e Event) error { got <- e; return nil })
	}()
	<-ready
	for i := range 3 {
		want := numbered(i)
		src.Hub.Publish(want)
		want.Number = uint64(i) + 1
		select {
		case e := <-got:
			if diff := cmp.Diff(want, e, addrs); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the event is kept back")
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, ErrEnded) {
		t.Errorf("at the daemon's end Watch returns %v", err)
	}
}

func TestWatchEnds(t *testing.T) {
	src := &Fake{}
	path, _ := serve(t, src)
	ctx, cancel := context.WithCancel(t.Context())
	if err := NewClient(path).Watch(ctx, cancel, func(Event) error { return nil }); err != nil {
		t.Errorf("cancelled: %v", err)
	}
	mine := errors.New("enough")
	err := NewClient(path).Watch(t.Context(), func() { src.Hub.Publish(numbered(1)) }, func(Event) error { return mine })
	if err != mine {
		t.Errorf("got %v, want the caller's own error", err)
	}
}

// TestWatchLines: one JSON object a line, for programs without our client.
func TestWatchLines(t *testing.T) {
	src := &Fake{}
	path, _ := serve(t, src)
	resp, err := NewClient(path).http.Get("http://mip6d/v1/watch")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	src.Hub.Publish(Event{Time: noon, Kind: "fault", Text: "two\nlines"})
	src.Hub.Publish(Event{Time: noon, Kind: "fault", Text: "b"})
	r := bufio.NewReader(resp.Body)
	for _, want := range []string{"two\nlines", "b"} {
		line, err := r.ReadBytes('\n')
		var e Event
		if err != nil || json.Unmarshal(line, &e) != nil || e.Text != want {
			t.Errorf("line %q (%v), want the event %q", line, err, want)
		}
	}
}

// handFed is a Source whose events a test hands over one by one.
type handFed struct {
	Fake
	events chan Event
}

func (h *handFed) Subscribe(context.Context) <-chan Event { return h.events }

// TestServeEndsWithStuckWatcher: a client that reads nothing can't hold the
// daemon.
func TestServeEndsWithStuckWatcher(t *testing.T) {
	src := &handFed{events: make(chan Event)}
	path, stop := serve(t, src)
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/watch HTTP/1.1\r\nHost: mip6d\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	long := Event{Text: strings.Repeat("x", 4096)}
	for stuck := false; !stuck; {
		select {
		case src.events <- long:
		case <-time.After(300 * time.Millisecond):
			stuck = true // the socket's buffer is full, the handler waits in Write
		}
	}
	start := time.Now()
	stop()
	if took := time.Since(start); took < shutdownTimeout || took > 3*shutdownTimeout {
		t.Errorf("the end took %v, want the %v of grace and little more", took, shutdownTimeout)
	}
}

// TestClientErrors gives the exact text of what people see.
func TestClientErrors(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(dir, "none")
	for _, tt := range []struct{ path, want string }{
		{none, "mip6d is not running: there is no socket " + none + ". Start it (systemctl start mip6d), or name its socket with --socket or $MIP6_SOCKET"},
		{dead, "mip6d is not running: nobody listens at " + dead + ", where one has ended without cleaning up. Start it (systemctl start mip6d) and see its log (journalctl -u mip6d)"},
		{file, file + " is no socket of mip6d: name the right one with --socket or $MIP6_SOCKET"},
	} {
		_, err := NewClient(tt.path).Status(t.Context())
		if err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v is not ErrUnreachable", err)
		}
	}
}

func TestWhoMay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to any group")
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, nil, 0o660); err != nil {
		t.Fatal(err)
	}
	for gid, want := range map[int]string{
		0:     "which is for root: run this as root, or let a group in with control.group in mip6d's configuration",
		1:     "which is for root and the group daemon: run this as root, or join the group (usermod -aG daemon USER) and log in again",
		54321: "which is for root and the group 54321: run this as root, or join the group (usermod -aG 54321 USER) and log in again",
	} {
		if err := os.Chown(path, 0, gid); err != nil {
			t.Fatal(err)
		}
		if got := whoMay(path); got != want {
			t.Errorf("group %d: %s\nwant %s", gid, got, want)
		}
	}
}

// TestProtocolMismatch: another version and no mip6d at all are told apart.
func TestProtocolMismatch(t *testing.T) {
	for _, tt := range []struct{ header, want string }{
		{"2", "mip6d at PATH speaks version 2 of the control protocol, and this program version 1: use the mip6ctl that was installed with it, and restart mip6d after an update"},
		{"", "what answers at PATH is not mip6d: name mip6d's socket with --socket or $MIP6_SOCKET"},
	} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tt.header != "" {
				w.Header().Set(protocolHeader, tt.header)
			}
			_, _ = io.WriteString(w, "{}")
		})}
		go func() { _ = srv.Serve(l) }()
		_, err = NewClient(path).Status(t.Context())
		if err == nil || strings.ReplaceAll(err.Error(), path, "PATH") != tt.want {
			t.Errorf("got %v", err)
		}
		srv.Close()
	}
}
