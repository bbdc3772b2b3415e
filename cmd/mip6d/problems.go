package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"mip6d/internal/ctl"
)

// problems is what is wrong right now, for `mip6ctl status`.
type problems struct {
	mu  sync.Mutex
	now map[string]ctl.Problem
}

// set says that something went wrong, or no longer does.
func (p *problems) set(what string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.now, what)
		return
	}
	if p.now == nil {
		p.now = make(map[string]ctl.Problem)
	}
	since := time.Now()
	if was, again := p.now[what]; again {
		since = was.Since
	}
	severity, do := judge(what)
	p.now[what] = ctl.Problem{Severity: severity, Since: since, Text: what + ": " + err.Error(), Do: do}
}

// replace sets all problems that begin with one of these words, and takes those back
// that are not among them.
func (p *problems) replace(words []string, list map[string]error) {
	p.mu.Lock()
	maps.DeleteFunc(p.now, func(what string, _ ctl.Problem) bool {
		return list[what] == nil && slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(what, w) })
	})
	p.mu.Unlock()
	for what, err := range list {
		p.set(what, err)
	}
}

// reloadProblem is that the last reload was refused.
const reloadProblem = "reload"

// count says how many there are, and whether one is among them.
func (p *problems) count(what string) (n int, among bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, among = p.now[what]
	return len(p.now), among
}

func (p *problems) list() []ctl.Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]ctl.Problem, 0, len(p.now))
	for _, x := range p.now {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b ctl.Problem) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), a.Since.Compare(b.Since), cmp.Compare(a.Text, b.Text))
	})
	return list
}
