package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no panic, every problem has a place within the file, and what is
// accepted has what every user of a Config counts on.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob(top + "configs/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte("control: *nothing\n"))
	f.Add([]byte("home_agent: {links: [{prefixes: [2001:db8::]}]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse("f", text, WithoutKeys())
		if err != nil {
			var problems Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("error without problems: %v", err)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Column < 1 || p.Text == "" {
					t.Errorf("problem without a place or text: %+v", p)
				}
			}
			return
		}
		if c.HomeAgent == nil && c.MobileNode == nil && c.CorrespondentNode == nil || c.HomeAgent != nil && c.MobileNode != nil {
			t.Error("accepted with no role, or with both")
		}
		if h := c.HomeAgent; h != nil {
			for _, m := range h.MobileNodes {
				if !m.HomeAddress.Is6() || m.MaxLifetime < minLifetime || m.Auth == nil && m.IPsec == nil && !h.AllowUnauthenticated {
					t.Errorf("accepted %+v", m)
				}
			}
		}
		if m := c.MobileNode; m != nil {
			for _, h := range m.Homes {
				if !h.HomeAddress.IsValid() || h.HomeAgent.IsValid() && !h.HomeAgent.Is6() || h.Auth == nil && h.IPsec == nil && !m.AllowUnauthenticated {
					t.Errorf("accepted %+v", h)
				}
			}
		}
	})
}
