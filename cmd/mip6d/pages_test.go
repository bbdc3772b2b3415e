package main

import (
	"os"
	"strings"
	"testing"
)

func TestSmallPages(t *testing.T) {
	smallPages()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if s := string(status); strings.Contains(s, "THP_enabled:") && !strings.Contains(s, "THP_enabled:\t0") {
		t.Errorf("huge pages are still wanted:\n%s", s)
	}
}
