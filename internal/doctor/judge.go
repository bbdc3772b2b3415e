package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// Status is what a probe found.
type Status string

const (
	OK      Status = "ok"
	Missing Status = "missing" // the kernel can't do it
	Denied  Status = "denied"  // whoever asked may not do it
	Unknown Status = "unknown" // it could not be tried
)

// Finding is the outcome of one probe.
type Finding struct {
	Key    Key
	Status Status
	Err    string // in words; empty with OK
}

// Lack is something that a role wants and does not have.
type Lack struct {
	Key    Key    `json:"key"`
	Level  Level  `json:"level"` // must or should
	Status Status `json:"status"`
	Text   string `json:"text"` // all of it in one line
}

// Lacks lists what a role lacks of what was tried, in the table's order. What it
// may have is not named, and what was not tried is not missed.
func Lacks(r Role, findings []Finding) []Lack {
	found := make(map[Key]Finding)
	for _, f := range findings {
		found[f.Key] = f
	}
	var lacks []Lack
	for _, p := range Table {
		f, tried := found[p.Key]
		n, wanted := p.need(r)
		if !tried || !wanted || f.Status == OK || n.Level == May {
			continue
		}
		if n.Level == Must && p.Instead != "" {
			if instead, tried := found[p.Instead]; tried && instead.Status != OK {
				n.Without = p.Neither
			} else {
				n.Level = Should
			}
		}
		lacks = append(lacks, Lack{Key: p.Key, Level: n.Level, Status: f.Status, Text: p.sentence(n, f)})
	}
	return lacks
}

// Permission is what a probe that was denied wants.
const Permission = "permission; run this as root, and not confined (by a container, a unit of systemd, kernel lockdown)"

// sentence says what is wrong, what of it, and what to do.
func (p Probe) sentence(n Need, f Finding) string {
	how := map[Status]string{
		Missing: "is missing", Denied: "may not be tried", Unknown: "could not be tried",
	}[f.Status]
	text := fmt.Sprintf("%s %s", p.Key, how)
	if f.Err != "" {
		text += " (" + f.Err + ")"
	}
	text += ": without, " + n.Without
	if f.Status == Denied {
		return text + ". Needed: " + Permission
	}
	if get := p.Get.String(); get != "" {
		text += ". Needed: " + get
	}
	return text
}

// String is how to get it, in one line.
func (r Remedy) String() string {
	var parts []string
	if r.Option != "" {
		parts = append(parts, r.Option)
	}
	if r.Module != "" {
		noun := "module "
		if strings.Contains(r.Module, ",") {
			noun = "modules "
		}
		parts = append(parts, noun+r.Module)
	}
	if r.Also != "" {
		parts = append(parts, r.Also)
	}
	return strings.Join(parts, "; ")
}

// Verdict is whether a role works.
type Verdict string

const (
	Works      Verdict = "works"
	Limited    Verdict = "limited"     // something that it should have is not there
	CannotWork Verdict = "cannot_work" // something that it must have is missing
	NotKnown   Verdict = "not_known"   // something that it must have could not be tried
)

func verdict(lacks []Lack) Verdict {
	v := Works
	for _, l := range lacks {
		switch {
		case l.Level == Must && l.Status == Missing:
			return CannotWork
		case l.Level == Must:
			v = NotKnown
		case v == Works:
			v = Limited
		}
	}
	return v
}

// Judge makes a report of findings. Roles are those that are wanted; none: nobody
// has said, and the report is of all. A probe without a finding is Unknown.
func Judge(kernel string, findings []Finding, roles []Role) Report {
	whole := make([]Finding, len(Table))
	for i, p := range Table {
		whole[i] = Finding{Key: p.Key, Status: Unknown, Err: "no answer"}
		if j := slices.IndexFunc(findings, func(f Finding) bool { return f.Key == p.Key }); j >= 0 {
			whole[i] = findings[j]
		}
	}
	rep := Report{Kernel: kernel, Roles: []RoleReport{}, Wanted: len(roles) > 0, Probes: make([]ProbeReport, len(Table))}
	for i, p := range Table {
		alone := p.Instead != "" && !slices.ContainsFunc(whole, func(f Finding) bool { return f.Key == p.Instead && f.Status == OK })
		rep.Probes[i] = p.report(whole[i], alone)
	}
	told := roles
	if len(told) == 0 {
		told = Roles
	}
	able := 0
	for _, r := range told {
		lacks := Lacks(r, whole)
		v := verdict(lacks)
		if v == Works || v == Limited {
			able++
		}
		if lacks == nil {
			lacks = []Lack{}
		}
		rep.Roles = append(rep.Roles, RoleReport{Role: r, Verdict: v, Lacks: lacks})
	}
	rep.OK = able == len(told) || !rep.Wanted && able > 0
	return rep
}
