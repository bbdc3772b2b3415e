package ctl

import (
	"runtime/debug"
	"strings"
)

// version is set by the linker, in what "make build" and "make packages" build; the script
// scripts/version has made it.
var version string

// Version says what this program was built from, as far as whoever built it has said, or
// the Go linker knows.
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	v := strings.Trim(info.Main.Version, "()")
	if v == "" {
		v = "devel"
	}
	set := make(map[string]string)
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if rev := set["vcs.revision"]; v == "devel" && len(rev) >= 12 {
		v += "-" + rev[:12]
		if set["vcs.modified"] == "true" {
			v += "-modified"
		}
	}
	return v
}
