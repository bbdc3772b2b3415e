package ctl

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsTheLinkers(t *testing.T) {
	defer func(v string) { version = v }(version)
	if version = "1.2.3"; Version() != "1.2.3" {
		t.Errorf("%s, want what the linker has set", Version())
	}
}

func TestVersionOf(t *testing.T) {
	vcs := func(modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: modified}}
	}
	for _, tt := range []struct {
		main     string
		settings []debug.BuildSetting
		want     string
	}{
		{"v1.2.3", nil, "v1.2.3"},
		{"v1.2.3", vcs("false"), "v1.2.3"},
		{"(devel)", vcs("false"), "devel-0123456789ab"},
		{"(devel)", vcs("true"), "devel-0123456789ab-modified"},
		{"(devel)", nil, "devel"},
		{"", nil, "devel"},
	} {
		if got := versionOf(&debug.BuildInfo{Main: debug.Module{Version: tt.main}, Settings: tt.settings}); got != tt.want {
			t.Errorf("%s %v: %s, want %s", tt.main, tt.settings, got, tt.want)
		}
	}
}
