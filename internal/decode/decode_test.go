package decode

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite testdata/*.json; then read what changed")

// TestDecode compares with testdata: NAME.hex holds octets, after lines with # and
// with options in lines "--src A" and so on; NAME.json what they say.
func TestDecode(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".hex"), func(t *testing.T) {
			b, o := read(t, file)
			fields, err := Decode(b, o)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(fields, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			golden := strings.TrimSuffix(file, ".hex") + ".json"
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func read(t testing.TB, file string) ([]byte, Options) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var o Options
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		flag, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case strings.HasPrefix(line, "#"):
		case flag == "--src":
			o.Src = netip.MustParseAddr(value)
		case flag == "--dst":
			o.Dst = netip.MustParseAddr(value)
		case flag == "--kind":
			o.Kind = Kind(value)
		default:
			digits.WriteString(line)
		}
	}
	b, err := Hex(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b, o
}

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// walk calls a function for each object within a decoded message.
func walk(f Fields, do func(Fields)) {
	do(f)
	for _, v := range f {
		switch v := v.Value.(type) {
		case Fields:
			walk(v, do)
		case []Fields:
			for _, e := range v {
				walk(e, do)
			}
		}
	}
}

func TestFieldsAreSnakeCaseAndUnique(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.hex")
	for _, file := range files {
		b, o := read(t, file)
		fields, err := Decode(b, o)
		if err != nil {
			t.Fatal(err)
		}
		walk(fields, func(f Fields) {
			seen := map[string]bool{}
			for _, v := range f {
				if !snakeCase.MatchString(v.Name) || seen[v.Name] {
					t.Errorf("%s: field %q is no snake_case or there twice", file, v.Name)
				}
				seen[v.Name] = true
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, hex string
		kind      Kind
		want      string
	}{
		{"too little to tell", "3b", Auto, "cannot tell what these 1 octets are: say it with --kind (mh, icmp6, dstopts, rthdr, ipv6)"},
		{"nothing known", "ff00ff00", Auto, "cannot tell"},
		{"unknown kind", "3b01", "tcp", `unknown kind "tcp"`},
		{
			"RFC 6275 §9.2 Payload Proto", "3a01050000000000c000006401020000", MH,
			"octet 0: Payload Proto is 58, not 59 (answered with a Parameter Problem, code 0, pointer 0",
		},
		{
			"RFC 6275 §9.2 Header Len", "3b00050000000000", Auto,
			"Header Len says 8 octets, but a Binding Update has at least 12 (answered with a Parameter Problem, code 0, pointer 1",
		},
		{"cut off", "3b02050000000000", Auto, "there are only 8 (silently discarded)"},
		{"short IPv6", "60000000", IPv6, "less than 40"},
		{"another version", "40" + strings.Repeat("00", 39), IPv6, "version is 4"},
		{"IPv6 longer than it is", "6000000000203a40" + strings.Repeat("00", 40), Auto, "Payload Length says 32 octets, but there are only 8"},
		{"a message cut off in a packet", "6000000000088740" + strings.Repeat("00", 32) + "3b01050000000000", Auto, "Mobility Header at octet 40: "},
		{"promised and missing", "6000000000008740" + strings.Repeat("00", 32), Auto, "Mobility Header at octet 40: nothing is there"},
		{"two home addresses", "3a040102000" + "0c910" + strings.Repeat("11", 16) + "c910" + strings.Repeat("22", 14), DstOpts, "ends"},
		{"two segments left", "3a020202" + strings.Repeat("00", 20), Routing, "a type 2 routing header has 2 segments left, not 1"},
		{"ICMPv6 option of length 0", "85000000000000000100000000000000", Auto, "length 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Hex(c.hex)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Decode(b, Options{Kind: c.kind})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, error %v\nwant %s", f, err, c.want)
			}
		})
	}
}

// Era 0 has 2^32 seconds from 1900 on and ends on 7 February 2036.
func TestNTPTimestamps(t *testing.T) {
	for stamp, want := range map[uint64]string{
		0x83aa7e80_00000000: "1970-01-01T00:00:00Z",
		0xffffffff_80000000: "2036-02-07T06:28:15.5Z",
		0x00000000_00000000: "2036-02-07T06:28:16Z",
	} {
		if got := ntp(stamp).Format(time.RFC3339Nano); got != want {
			t.Errorf("%016x: %s, want %s", stamp, got, want)
		}
	}
}

func TestHex(t *testing.T) {
	want := []byte{0x3b, 0x01, 0xab}
	for _, text := range []string{
		"3b01ab", "3B01AB", "3b 01 ab\n", "3b:01:ab", "0x3b 0x01, 0xab", "3b-01-ab\r\n", "3b0\n1ab", "0x3b01ab",
		"\t0x0000:  3b01\n\t0x0010:  ab", "0x0000:  3b01 ab", "0x3b01:ab",
	} {
		if got, err := Hex(text); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":               "no hexadecimal digits",
		" \n":            "no hexadecimal digits",
		"3b0":            "the last octet, number 2, has only one",
		"3b 0g":          `line 1, character 5: 'g' is no hexadecimal digit`,
		"3b\n01\n  grün": `line 3, character 3: 'g' is no hexadecimal digit`,
	} {
		if got, err := Hex(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %x, %v, want %s", text, got, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.hex")
	for _, file := range files {
		b, o := read(f, file)
		f.Add(b, string(o.Kind))
	}
	f.Fuzz(func(t *testing.T, b []byte, kind string) {
		fields, err := Decode(b, Options{Kind: Kind(kind), Src: netip.IPv6Unspecified(), Dst: netip.IPv6Unspecified()})
		if err != nil {
			return
		}
		if out, err := json.Marshal(fields); err != nil || !json.Valid(out) {
			t.Fatalf("%s, %v", out, err)
		}
	})
}
