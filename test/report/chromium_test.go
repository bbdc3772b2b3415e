package report

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mip6d/internal/ctl"
	"mip6d/internal/role"
)

// chromium is the browser, or "" where make test-report does not run us.
var chromium = os.Getenv("MIP6D_CHROMIUM")

var (
	noon  = time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	hoa   = netip.MustParseAddr("2001:db8:1::100")
	agent = netip.MustParseAddr("2001:db8:1::1")
)

// events are ten handovers of a mobile node, the last of which does not end.
func events() (list []ctl.Event) {
	tell := func(at time.Duration, n role.Notice) {
		list = append(list, ctl.NewEvent(noon.Add(at), n, func(int) string { return "wlan0" }))
	}
	for i := range 10 {
		t := time.Duration(i) * 2 * time.Minute
		coa := netip.MustParseAddr(fmt.Sprintf("2001:db8:f%d::100", i%2+1))
		if i > 0 {
			tell(t-40*time.Millisecond, role.Notice{Kind: role.NoticeLinkDown, Ifindex: 2})
		}
		tell(t, role.Notice{Kind: role.NoticeLinkUp, Ifindex: 2})
		tell(t+5*time.Millisecond, role.Notice{Kind: role.NoticeRouter, Ifindex: 2})
		tell(t+9*time.Millisecond, role.Notice{Kind: role.NoticeCareOfReady, CoA: coa, Ifindex: 2})
		n := role.Notice{Kind: role.NoticeUpdateSent, HoA: hoa, CoA: coa, HA: agent, Ifindex: 2, Lifetime: time.Minute}
		tell(t+10*time.Millisecond, n)
		if i == 9 {
			break
		}
		n.Kind, n.HasStatus = role.NoticeAckReceived, true
		tell(t+25*time.Millisecond, n)
		n.Kind = role.NoticeRegistered
		tell(t+25*time.Millisecond, n)
	}
	return list
}

// write has mip6ctl write the report of a daemon that says what events has.
func write(t *testing.T) (file string) {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "sock")
	l, err := ctl.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	src := &ctl.Fake{
		StatusIs:  ctl.Status{Version: "1.2.3", Roles: []string{ctl.RoleMobileNode}, Since: noon.Add(-time.Hour)},
		EventsAre: ctl.Events{Since: noon.Add(-time.Hour), RoutineSince: noon.Add(-time.Hour), Events: events()},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ctl.NewServer(src, nil).Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	file = filepath.Join(dir, "report.html")
	out, err := exec.CommandContext(t.Context(), os.Getenv("MIP6D_MIP6CTL"), "--socket", socket, "report", "--since", "1h", "-o", file).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("mip6ctl report: %v\n%s", err, out)
	}
	return file
}

// browse runs the browser on a file. It has no network: all that is to be seen has to be in the file.
func browse(t *testing.T, file string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	alone := []string{"--net"}
	if os.Geteuid() != 0 {
		alone = append(alone, "--map-root-user")
	}
	args = append(append(alone,
		chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb",
		"--user-data-dir="+t.TempDir(), "--window-size=1100,2000",
	), append(args, "file://"+file)...)
	cmd := exec.CommandContext(ctx, "unshare", args...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, complaints.String())
	}
	return string(out)
}

// TestReportInABrowser looks at what the browser makes of the page: its elements, and the colours of a picture of it.
func TestReportInABrowser(t *testing.T) {
	if chromium == "" {
		t.Skip("wants a browser: make test-report")
	}
	file := write(t)
	dom := browse(t, file, "--dump-dom")
	for what, n := range map[string]int{
		`<section class="handover">`: 10, `<svg viewBox=`: 12, `<rect class="outage"`: 9, `<rect class="bar"`: 1, `<line class="mark failed"`: 1,
		`<rect class="c0"`: 5, `<rect class="c1"`: 4,
	} {
		if got := strings.Count(dom, what); got != n {
			t.Errorf("the browser has %d of %s, want %d", got, what, n)
		}
	}
	for _, words := range []string{"65.0 ms</b>median interruption", "1</b>did not end", "2001:db8:f2::100 →"} {
		if !strings.Contains(dom, words) {
			t.Errorf("the browser lacks %q", words)
		}
	}

	picture := filepath.Join(filepath.Dir(file), "report.png")
	browse(t, file, "--screenshot="+picture)
	if dir := os.Getenv("MIP6D_ARTIFACTS"); dir != "" {
		keep(t, file, filepath.Join(dir, "report.html"))
		keep(t, picture, filepath.Join(dir, "report.png"))
	}
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	// As style.css has them. Of a bar a good part of its area must be there, of lines and letters some.
	for _, c := range []struct {
		what   string
		colour color.RGBA
		least  int
		span   int // from its leftmost to its rightmost pixel
	}{
		{"paper", color.RGBA{0xff, 0xff, 0xff, 255}, 300_000, 1000},
		{"cards", color.RGBA{0xf6, 0xf8, 0xfa, 255}, 300_000, 900},
		{"words", color.RGBA{0x1c, 0x24, 0x30, 255}, 500, 700},
		{"stays on the first link, and the distribution's bar", color.RGBA{0x2f, 0x6f, 0xb5, 255}, 3000, 100},
		{"stays on the second link", color.RGBA{0xe0, 0x90, 0x2f, 255}, 500, 100},
		{"outages", color.RGBA{0xfb, 0xe9, 0xe7, 255}, 1000, 100},
		{"what went wrong", color.RGBA{0xc6, 0x2f, 0x3b, 255}, 30, 100},
		{"Binding Updates", color.RGBA{0xb3, 0x56, 0x1f, 255}, 50, 10},
		{"paths in force", color.RGBA{0x1f, 0x8a, 0x4c, 255}, 50, 10},
	} {
		n, span := count(img, c.colour)
		t.Logf("%s: %d pixels, %d wide", c.what, n, span)
		if n < c.least || span < c.span {
			t.Errorf("%s: %d pixels of %v, %d wide; want at least %d and %d", c.what, n, c.colour, span, c.least, c.span)
		}
	}
}

// count finds the pixels of a colour.
func count(img image.Image, want color.RGBA) (n, span int) {
	r := img.Bounds()
	first, last := r.Max.X, r.Min.X
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if color.RGBAModel.Convert(img.At(x, y)) == want {
				n++
				first, last = min(first, x), max(last, x)
			}
		}
	}
	return n, max(0, last-first)
}

func keep(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
