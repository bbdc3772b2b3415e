package packages

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const (
	unit        = "../../systemd/mip6d.service"
	maxExposure = 2.5
)

var overall = regexp.MustCompile(`Overall exposure level for mip6d.service: ([0-9.]+)`)

// TestUnitExposure has systemd judge the unit's sandbox, and prints what it says.
func TestUnitExposure(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: scripts/install-qemu does that")
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", unit).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := overall.FindSubmatch(out)
	if m == nil {
		t.Fatalf("no exposure level in\n%s", out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", m[0])
	if level > maxExposure {
		t.Errorf("exposure %v, want at most %v:\n%s", level, maxExposure, out)
	}
}

// TestUnitVerifies looks for keys and values that systemd does not know. That programs
// and manual pages are not installed here is no matter.
func TestUnitVerifies(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed: scripts/install-qemu does that")
	}
	out, _ := exec.Command("systemd-analyze", "--man=no", "verify", unit).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "mip6d.service") && !strings.Contains(line, "is not executable") {
			t.Error(line)
		}
	}
}
