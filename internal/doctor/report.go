package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Report is what a kernel can do. Its JSON keys are kept: programs depend on them.
type Report struct {
	Kernel string `json:"kernel"` // its release, for people; nothing is concluded from it

	// OK: every role that is wanted works, if with limits. Where none is wanted, one
	// that works is enough.
	OK     bool          `json:"ok"`
	Wanted bool          `json:"wanted"` // Roles are those of a configuration or of a command line, not simply all
	Roles  []RoleReport  `json:"roles"`
	Probes []ProbeReport `json:"probes"`
}

// RoleReport is the judgement on one role.
type RoleReport struct {
	Role    Role    `json:"role"`
	Verdict Verdict `json:"verdict"`
	Lacks   []Lack  `json:"lacks"` // empty: nothing
}

// ProbeReport is one probe with what it found.
type ProbeReport struct {
	Key     Key          `json:"key"`
	Group   string       `json:"group"`
	What    string       `json:"what"`
	Status  Status       `json:"status"`
	Error   string       `json:"error,omitempty"`
	Needs   []NeedReport `json:"needs"`
	Instead Key          `json:"instead,omitempty"`
	Get     RemedyReport `json:"get"`
}

// NeedReport is Need.
type NeedReport struct {
	Role    Role   `json:"role"`
	Level   Level  `json:"level"`
	Without string `json:"without"`
}

// RemedyReport is Remedy.
type RemedyReport struct {
	Option string `json:"option,omitempty"`
	Module string `json:"module,omitempty"`
	Also   string `json:"also,omitempty"`
}

// report joins a probe with what it found. Alone: what may take its place does not.
func (p Probe) report(f Finding, alone bool) ProbeReport {
	r := ProbeReport{
		Key: p.Key, Group: p.Group, What: p.What, Status: f.Status, Error: f.Err, Instead: p.Instead, Get: RemedyReport(p.Get),
	}
	for _, n := range p.Needs {
		if alone && n.Level == Must {
			n.Without = p.Neither
		}
		r.Needs = append(r.Needs, NeedReport(n))
	}
	return r
}

// Read takes the findings out of a Report in JSON, of this or another version of
// the table.
func Read(text []byte) (kernel string, findings []Finding, err error) {
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return "", nil, fmt.Errorf("it is no report as mip6ctl doctor -o json prints it: %w", err)
	}
	if len(r.Probes) == 0 {
		return "", nil, errors.New("it has no probes; is it what mip6ctl doctor -o json prints?")
	}
	for _, p := range r.Probes {
		if !slices.Contains([]Status{OK, Missing, Denied, Unknown}, p.Status) {
			return "", nil, fmt.Errorf("probe %q has the status %q, and there is no such thing", p.Key, p.Status)
		}
		findings = append(findings, Finding{Key: p.Key, Status: p.Status, Err: p.Error})
	}
	return r.Kernel, findings, nil
}
