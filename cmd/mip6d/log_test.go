package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mip6d/internal/config"
)

func TestJournalGetsPriorities(t *testing.T) {
	say := func(format config.LogFormat, level slog.Level) string {
		var b bytes.Buffer
		l := slog.New(logHandler(&b, config.Log{Format: format, Level: level}, true)).With("role", "ha")
		l.Debug("d")
		l.Info("i", "n", 1)
		l.Warn("w")
		l.Error("e", "err", "it\nbroke")
		return b.String()
	}
	for _, c := range []struct {
		format config.LogFormat
		level  slog.Level
		want   string
	}{
		{config.LogText, slog.LevelDebug, `<7>level=DEBUG msg=d role=ha
<6>level=INFO msg=i role=ha n=1
<4>level=WARN msg=w role=ha
<3>level=ERROR msg=e role=ha err="it\nbroke"
`},
		{config.LogJSON, slog.LevelWarn, `<4>{"level":"WARN","msg":"w","role":"ha"}
<3>{"level":"ERROR","msg":"e","role":"ha","err":"it\nbroke"}
`},
	} {
		if diff := cmp.Diff(c.want, say(c.format, c.level)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.format, diff)
		}
	}
}

// TestJournalIsKnownByItsInode: the variable stays when standard error is redirected.
func TestJournalIsKnownByItsInode(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	for stream, want := range map[string]bool{
		fmt.Sprintf("%d:%d", st.Dev, st.Ino): true, fmt.Sprintf("%d:%d", st.Dev, st.Ino+1): false, "": false, "nonsense": false,
	} {
		if got := isJournal(f, stream); got != want {
			t.Errorf("JOURNAL_STREAM=%q: %v, want %v", stream, got, want)
		}
	}
}

func TestNoJournalNoPriorities(t *testing.T) {
	var b bytes.Buffer
	slog.New(logHandler(&b, config.Log{}, false)).Info("x")
	if got := b.String(); got[:5] != "time=" {
		t.Errorf("got %q", got)
	}
}
