package ctl

import (
	"runtime/debug"
	"strings"
)

// Version says what this program was built from, as far as the Go linker knows.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	version := strings.Trim(info.Main.Version, "()")
	if version == "" {
		version = "devel"
	}
	set := make(map[string]string)
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	if rev := set["vcs.revision"]; version == "devel" && len(rev) >= 12 {
		version += "-" + rev[:12]
		if set["vcs.modified"] == "true" {
			version += "-modified"
		}
	}
	return version
}
