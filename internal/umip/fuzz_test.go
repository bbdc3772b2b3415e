package umip

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mip6d/internal/config"
)

// acceptable are the complaints of mip6d --check that a converted file may cause:
// what the old file did not say, and what was contradictory in it. Neither
// unknown keys nor wrong types nor values out of range are among them.
var acceptable = regexp.MustCompile(`: (` + strings.Join([]string{
	`is missing: it must be given$`,
	`needs interface: `,
	`\S+ overlaps with \S+, which stands above: a prefix is behind one mobile router$`,
	`\S+ (takes the home link's prefix|holds) \S+`,
	`\S+ is in none of the home links' prefixes`,
	`\S+ is in none of this link's prefixes`,
	`\S+ is the home agent's own \(`,
	`\S+ is the home address: give the home agent's own$`,
	`\S+ is one of mip6d's own tunnel devices`,
	`\S+ is more than max_interval`,
}, "|") + ")")

// strange returns the first complaint that is not acceptable.
func strange(problems string) string {
	for _, line := range strings.Split(strings.TrimSpace(problems), "\n") {
		if line != "" && !acceptable.MatchString(line) {
			return line
		}
	}
	return ""
}

// FuzzConvert: no panic, every problem has a place and a text, and what comes
// out is YAML that mip6d reads.
func FuzzConvert(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.conf")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for i := range Keywords {
		for _, role := range []string{"HA", "MN", "CN"} {
			f.Add("NodeConfig " + role + ";" + alone(&Keywords[i]))
		}
	}
	include := func(pattern string) ([]Source, error) {
		switch pattern {
		case "a":
			return []Source{{"a", []byte("DebugLevel 1; include \"a\" NodeConfig HA")}, {"b", []byte(";")}}, nil
		case "b":
			return nil, errors.New("it is broken")
		}
		return nil, nil
	}
	f.Fuzz(func(t *testing.T, text string) { sound(t, text, include) })
}

// FuzzStatements is the same with files that are made of options in their
// places, so that most of them are converted.
func FuzzStatements(f *testing.F) {
	f.Add([]byte("a home agent, perhaps, or not"))
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		b := make([]byte, 2+r.IntN(60))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 400 {
			return
		}
		w := writer{rest: choices}
		sound(t, w.file(), nil)
	})
}

// sound checks what must hold of any text.
func sound(t *testing.T, text string, include Include) {
	t.Helper()
	file, problems := Parse(Source{"f", []byte(text)}, include)
	var r *Result
	if len(problems) == 0 {
		r, problems = file.Convert(Options{})
	}
	for _, p := range problems {
		if p.Line < 1 || p.Column < 1 || p.Text == "" || strings.Contains(p.Text, "\n") {
			t.Errorf("problem without a place or text: %+v", p)
		}
	}
	if len(problems) > 0 {
		return
	}
	out := filepath.Join(t.TempDir(), "mip6d.yaml")
	if err := os.WriteFile(out, []byte(r.Text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(out, config.WithoutKeys())
	var wrong config.Problems
	if err != nil && !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	if why := strange(wrong.Error()); why != "" {
		t.Errorf("mip6d refuses the output: %s\n%s\nof\n%s", why, r.Text, text)
	}
}

// writer makes an old configuration of choices.
type writer struct {
	rest []byte
	b    strings.Builder
}

func (w *writer) choose(n int) int {
	if len(w.rest) == 0 {
		return 0
	}
	c := int(w.rest[0])
	w.rest = w.rest[1:]
	return c % n
}

func (w *writer) of(list ...string) string { return list[w.choose(len(list))] }

func (w *writer) file() string {
	w.b.WriteString("NodeConfig " + w.of("HA", "MN", "CN") + ";\n" + w.of("", "HaAcceptMobRtr enabled;\n"))
	var top []*Keyword
	for i := range Keywords {
		if k := &Keywords[i]; k.in == atTop && k.form != formReserved && k.Name != "NodeConfig" && k.Name != wordInclude {
			top = append(top, k)
		}
	}
	for len(w.rest) > 0 {
		w.statement(top[w.choose(len(top))])
	}
	return w.b.String()
}

func (w *writer) statement(k *Keyword) {
	w.b.WriteString(k.Name + " ")
	switch k.form {
	case formHomeLink:
		w.b.WriteString(w.name() + " { HomeAddress " + w.prefix() + w.list() + "; " + w.of("", "IsMobRtr enabled; "))
		w.block(inHomeLink)
	case formInterface, formProxy:
		w.b.WriteString(w.name())
		if w.choose(2) == 0 {
			w.b.WriteString(";\n")
			return
		}
		w.b.WriteString(" { ")
		w.block(k.form.block())
	case formPolicySet:
		w.b.WriteString("{ ")
		w.block(inPolicySet)
	case formCNPolicies:
		w.b.WriteString("{ " + w.addr() + w.of("", " "+w.addr()) + w.of(" allow", " deny") + "; }\n")
	case formNumber:
		w.b.WriteString(w.number() + ";\n")
	case formBool:
		w.b.WriteString(w.of("enabled", "disabled") + ";\n")
	case formAddress:
		w.b.WriteString(w.addr() + ";\n")
	case formPrefix:
		w.b.WriteString(w.prefix() + ";\n")
	case formHome:
		w.b.WriteString(w.prefix() + w.list() + ";\n")
	case formAcl:
		w.b.WriteString(w.addr() + w.list() + " " + w.of("allow", "deny", "0", "129", "133") + ";\n")
	case formRoPolicy:
		w.b.WriteString(w.of("", w.addr()) + w.of(" enabled", " disabled") + ";\n")
	case formEntity:
		w.b.WriteString(w.of("HA", "MN", "CN") + ";\n")
	default:
		w.b.WriteString(sample(k) + "\n")
	}
}

func (w *writer) block(in place) {
	var inner []*Keyword
	for i := range Keywords {
		if k := &Keywords[i]; k.in == in {
			inner = append(inner, k)
		}
	}
	for n := 1 + w.choose(4); n > 0; n-- {
		w.statement(inner[w.choose(len(inner))])
	}
	w.b.WriteString("}\n")
}

func (w *writer) name() string {
	return w.of(`"eth0"`, `"eth1"`, `"wlan0"`, `"on"`, `"null"`, `"123"`, `"0x1f"`, `"1e3"`, `"mip6t"`, `"-"`, `"~"`, `"a#b"`, `"wéb'0"`, `"a,b]}"`, `"<<"`)
}

func (w *writer) number() string { return w.of("0", "1", "3", "4", "10", "420", "65535", "2592000") }

func (w *writer) addr() string {
	return w.of("2001:db8:1::1", "2001:db8:1::100", "2001:db8:1::200", "2001:db8:2::1", "2001:db8:a::1", "2001:DB8::", "fd00::5", "::", "1::", "::2")
}

func (w *writer) prefix() string {
	return w.addr() + "/" + w.of("64", "48", "128", "127", "16", "56", "0")
}

func (w *writer) list() string {
	return w.of("", " ("+w.prefix()+")", " (2001:db8:a::/56)", " (2001:db8:a:1::/64, "+w.prefix()+")", " (ff00::/16)")
}
