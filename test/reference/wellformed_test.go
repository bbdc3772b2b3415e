package reference

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPagesAreWellFormed without any program: displays and lists end, requests are
// known, what is no request is text.
func TestPagesAreWellFormed(t *testing.T) {
	for _, f := range pages(t) {
		for _, wrong := range misformed(read(t, "man/"+filepath.Base(f))) {
			t.Errorf("%s:%s", f, wrong)
		}
	}
}

func TestMisformedPagesAreFound(t *testing.T) {
	for _, page := range []string{
		".Bl -tag -width Ds\n.It Ic x\n", ".El\n", ".Bd -literal\n.Bl -bullet\n.Ed\n.El\n", ".Xx y\n", "§ 1\n", "caf\\q\n", ".SH NAME\n",
	} {
		if len(misformed(page)) == 0 {
			t.Errorf("nothing is found wrong with %q", page)
		}
	}
}

var (
	request = regexp.MustCompile(`^\.(\\"|(Dd|Dt|Os|Sh|Ss|Nm|Nd|Op|Fl|Ar|Pp|Bl|El|It|Bd|Ed|Pa|Xr|Ql|Cm|Ev|Sy|Rs|Re|%[ATR]|br)( |$))`)
	escaped = regexp.MustCompile(`\\(e|-|&|\(aq|\(ga|\(ha|\(ti|\[u[0-9A-F]{4,}\]|f[BIP])`)
)

func misformed(page string) (wrong []string) {
	var open []string
	number := 0
	for l := range strings.Lines(page) {
		number++
		l = strings.TrimSuffix(l, "\n")
		complain := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%d: %s: %s", number, fmt.Sprintf(format, args...), l))
		}
		if strings.HasPrefix(l, `.\"`) {
			continue
		}
		if strings.HasPrefix(l, ".") && !request.MatchString(l) {
			complain("an unknown request")
		}
		if rest := escaped.ReplaceAllString(l, ""); strings.Contains(rest, `\`) {
			complain("an unknown escape")
		}
		if strings.ContainsFunc(l, func(r rune) bool { return r > 0x7e }) {
			complain("not ASCII")
		}
		switch name, _, _ := strings.Cut(l, " "); name {
		case ".Bl", ".Bd":
			open = append(open, ".E"+name[2:])
		case ".El", ".Ed":
			if len(open) == 0 || open[len(open)-1] != name {
				complain("ends what is not open")
				continue
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d: the end: %s is missing", number, open))
	}
	return wrong
}

// TestPagesByMandoc has OpenBSD's mandoc judge them.
func TestPagesByMandoc(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed: scripts/install-qemu does that")
	}
	for _, f := range pages(t) {
		out, err := exec.Command("mandoc", "-Tlint", "-Wwarning", f).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestDaemonsPageIsComplete looks for every flag of mip6d, and its exit statuses.
func TestDaemonsPageIsComplete(t *testing.T) {
	page := strings.ReplaceAll(read(t, "man/mip6d.8"), `\-`, "-")
	flags := regexp.MustCompile(`flags\.\w+\("([a-z-]+)"`).FindAllStringSubmatch(read(t, "cmd/mip6d/main.go"), -1)
	if len(flags) < 4 {
		t.Fatalf("only %d flags are found in cmd/mip6d/main.go", len(flags))
	}
	for _, f := range flags {
		if !strings.Contains(page, "\n.It Fl -"+f[1]+"\n") && !strings.Contains(page, "\n.It Fl "+f[1]+" ") {
			t.Errorf("mip6d(8) has no %s", f[1])
		}
	}
}
