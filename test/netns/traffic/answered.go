package traffic

import "time"

// Answered says whether a reply came after a moment.
func (p *Ping) Answered(since time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.probes) - 1; i >= 0; i-- {
		if r := p.probes[i].Replied; !r.IsZero() {
			return r.After(since)
		}
	}
	return false
}
