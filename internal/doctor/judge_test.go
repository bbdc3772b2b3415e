package doctor

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// findings are ok but for what is given.
func findings(other ...Finding) []Finding {
	var list []Finding
	for _, p := range Table {
		f := Finding{Key: p.Key, Status: OK}
		if i := slices.IndexFunc(other, func(o Finding) bool { return o.Key == p.Key }); i >= 0 {
			f = other[i]
		}
		list = append(list, f)
	}
	return list
}

func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		findings []Finding
		role     Role
		want     Verdict
		lacks    []Key
	}{
		{"all is there", findings(), HomeAgent, Works, nil},
		{"a must is missing", findings(Finding{"sub_policies", Missing, "no"}), CorrespondentNode, CannotWork, []Key{"sub_policies"}},
		{"another role's must", findings(Finding{"tunnel", Missing, "no"}), HomeAgent, Works, nil},
		{"a should", findings(Finding{"optimistic_dad", Missing, "no"}), MobileNode, Limited, []Key{"optimistic_dad"}},
		{"a should that may not be tried", findings(Finding{"bpf_new_peers", Denied, "no"}), MobileNode, Limited, []Key{"bpf_new_peers"}},
		{"a may", findings(Finding{"sit", Missing, "no"}), MobileNode, Works, nil},
		{"a must that may not be tried", findings(Finding{"tunnel", Denied, "no"}), MobileNode, NotKnown, []Key{"tunnel"}},
		{"a must that could not be tried", findings(Finding{"tunnel", Unknown, "no"}), MobileNode, NotKnown, []Key{"tunnel"}},
		{
			"missing is for certain", findings(Finding{"xfrm", Denied, "no"}, Finding{"tunnel", Missing, "no"}), MobileNode, CannotWork,
			[]Key{"xfrm", "tunnel"},
		},
		{"BPF, and not flower", findings(Finding{"flower_source_check", Missing, "no"}), HomeAgent, Works, nil},
		{"flower, and not BPF", findings(Finding{"bpf_source_check", Denied, "no"}), HomeAgent, Limited, []Key{"bpf_source_check"}},
		{
			"neither", findings(Finding{"bpf_source_check", Missing, "no"}, Finding{"flower_source_check", Missing, "no"}), HomeAgent, CannotWork,
			[]Key{"bpf_source_check"},
		},
		{"nothing was tried", nil, CorrespondentNode, NotKnown, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Judge("x", tt.findings, []Role{tt.role}).Roles[0]
			if r.Verdict != tt.want {
				t.Errorf("verdict %s, want %s: %+v", r.Verdict, tt.want, r.Lacks)
			}
			var lacks []Key
			for _, l := range r.Lacks {
				lacks = append(lacks, l.Key)
			}
			if diff := cmp.Diff(tt.lacks, lacks); tt.findings != nil && diff != "" {
				t.Errorf("lacks:\n%s", diff)
			}
		})
	}
}

// A daemon that could try a part only is not told that the rest is missing.
func TestWhatWasNotTriedIsNotMissed(t *testing.T) {
	if lacks := Lacks(HomeAgent, []Finding{{"xfrm", OK, ""}}); len(lacks) != 0 {
		t.Errorf("lacks %+v", lacks)
	}
	lacks := Lacks(HomeAgent, []Finding{{"bpf_source_check", Missing, "no BPF"}})
	if len(lacks) != 1 || lacks[0].Level != Should {
		t.Errorf("without BPF, and flower not tried: %+v", lacks)
	}
}

func TestWantedRolesMustAllWork(t *testing.T) {
	noTunnel := findings(Finding{"tunnel", Missing, "no"})
	nothing := findings(Finding{"sub_policies", Missing, "no"})
	for _, tt := range []struct {
		name     string
		findings []Finding
		roles    []Role
		ok       bool
		told     int
	}{
		{"nobody has said which, one works", noTunnel, nil, true, 3},
		{"nobody has said which, none works", nothing, nil, false, 3},
		{"the one that can't", noTunnel, []Role{MobileNode}, false, 1},
		{"one that can and one that can't", noTunnel, []Role{MobileNode, CorrespondentNode}, false, 2},
		{"one that can", noTunnel, []Role{HomeAgent}, true, 1},
		{"one with limits", findings(Finding{"plug_queue", Missing, "no"}), []Role{MobileNode}, true, 1},
		{"nothing was tried", nil, nil, false, 3},
	} {
		r := Judge("x", tt.findings, tt.roles)
		if r.OK != tt.ok || len(r.Roles) != tt.told || r.Wanted != (tt.roles != nil) {
			t.Errorf("%s: OK %v, %d roles, wanted %v", tt.name, r.OK, len(r.Roles), r.Wanted)
		}
	}
}

func TestSentences(t *testing.T) {
	for _, tt := range []struct {
		role Role
		f    Finding
		want string
	}{
		{
			HomeAgent, Finding{"home_address_states", Missing, "protocol not supported"},
			"home_address_states is missing (protocol not supported): without, the kernel drops every Binding Update, so nobody can register. " +
				"Needed: CONFIG_IPV6_MIP6; module mip6; Debian: linux-image-amd64 or linux-image-cloud-amd64",
		},
		{
			MobileNode, Finding{"tunnel", Denied, "operation not permitted"},
			"tunnel may not be tried (operation not permitted): without, there is no tunnel to the home agent. " +
				"Needed: permission; run this as root, and not confined (by a container, a unit of systemd, kernel lockdown)",
		},
		{
			MobileNode, Finding{"optimistic_dad", Unknown, ""},
			"optimistic_dad could not be tried: without, each care-of address waits for its duplicate address detection: " +
				"a handover takes a second or two longer. Needed: CONFIG_IPV6_OPTIMISTIC_DAD; it is no module: another kernel is needed. " +
				"Debian: linux-image-amd64 or linux-image-cloud-amd64",
		},
	} {
		lacks := Lacks(tt.role, []Finding{tt.f})
		if len(lacks) != 1 {
			t.Fatalf("%s lacks %+v", tt.role, lacks)
		}
		if diff := cmp.Diff(tt.want, lacks[0].Text); diff != "" {
			t.Error(diff)
		}
	}
}

func TestReportOfAnotherMachine(t *testing.T) {
	want := Judge("6.1.0", findings(Finding{"tunnel", Missing, "no"}, Finding{"sit", Denied, "not you"}), []Role{MobileNode})
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	kernel, list, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, Judge(kernel, list, []Role{MobileNode})); diff != "" {
		t.Errorf("after reading it back:\n%s", diff)
	}

	// A table with other probes: what it does not know is not known here.
	kernel, list, err = Read([]byte(`{"kernel": "7.0", "probes": [{"key": "xfrm", "status": "ok"}, {"key": "warp", "status": "missing"}]}`))
	if err != nil || kernel != "7.0" {
		t.Fatal(kernel, err)
	}
	r := Judge(kernel, list, nil)
	if len(r.Probes) != len(Table) || r.Probes[0].Status != OK || r.Probes[1].Status != Unknown || r.OK {
		t.Errorf("%+v", r)
	}

	for text, want := range map[string]string{
		`{`:  "it is no report as mip6ctl doctor -o json prints it",
		`{}`: "it has no probes",
		`{"probes": [{"key": "xfrm", "status": "fine"}]}`: `probe "xfrm" has the status "fine"`,
	} {
		if _, _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%s): %v, want %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	text, err := json.Marshal(Judge("6.1.0", findings(Finding{"tunnel", Missing, "no"}), nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"probes": [{"key": "xfrm", "status": "ok"}, {"key": "xfrm", "status": "missing"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		kernel, list, err := Read(text)
		if err != nil {
			return
		}
		if r := Judge(kernel, list, nil); len(r.Probes) != len(Table) || len(r.Roles) != len(Roles) {
			t.Errorf("%d probes, %d roles", len(r.Probes), len(r.Roles))
		}
	})
}
