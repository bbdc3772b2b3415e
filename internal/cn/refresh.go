package cn

import (
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// stage is how far a binding has come in its life.
type stage uint8

const (
	stageFresh  stage = iota // its traffic will be looked at in the middle of its life
	stageMiddle              // and again before its end
	stageLate                // that was asked for
	stageAsking              // it is used: Binding Refresh Requests are sent
)

const (
	maxRefreshRequests = 3
	firstRefreshPause  = time.Second // doubled each time
)

// plan sets when something is to be done about a binding.
func (m *Machine) plan(e *entry) {
	at := e.expires
	switch e.stage {
	case stageFresh:
		at = e.expires.Add(-e.lifetime / 2)
	case stageMiddle:
		at = e.expires.Add(-lead(e.lifetime))
	case stageAsking:
		if e.requests < maxRefreshRequests {
			at = m.now.Add(firstRefreshPause << (e.requests - 1))
		}
	}
	if at.After(e.expires) {
		at = e.expires
	}
	m.cache.schedule(e, at)
}

// lead is how long before its end the mobile node is asked to refresh a binding:
// long enough for the back-off of its answer.
func lead(lifetime time.Duration) time.Duration {
	return min(max(lifetime/8, 8*time.Second), 30*time.Second, lifetime/2)
}

// refresh takes the next step in a binding's life.
func (m *Machine) refresh(e *entry) {
	switch e.stage {
	case stageFresh, stageMiddle:
		e.stage++
		m.emit(role.AskTraffic{Pair: e.pair})
	case stageAsking:
		m.requestRefresh(e)
	}
	m.plan(e)
}

// trafficSeen: a binding whose packets have been counted since the middle of its
// life is used, and worth asking for (§9.5.5).
func (m *Machine) trafficSeen(ev role.TrafficSeen) {
	e := m.cache.get(ev.Pair)
	if e == nil || !e.bound {
		return
	}
	used := ev.Traffic.PacketsIn != e.traffic.PacketsIn || ev.Traffic.PacketsOut != e.traffic.PacketsOut
	e.traffic = ev.Traffic
	if e.stage != stageLate || !used || e.current != nil {
		return
	}
	e.stage = stageAsking
	m.requestRefresh(e)
	m.plan(e)
}

// answered: a Binding Update has come, whatever it is worth; nothing more is asked
// for (§9.5.5).
func (m *Machine) answered(e *entry) {
	if e.current == nil && e.stage == stageAsking && e.requests < maxRefreshRequests {
		e.requests = maxRefreshRequests
		m.plan(e)
	}
}

// requestRefresh goes to the home address, always (§9.5.5), and never by a
// routing header.
func (m *Machine) requestRefresh(e *entry) {
	e.requests++
	m.send(role.Send{Src: e.pair.Local, Dst: e.pair.Peer}, e.pair.Peer, &mh.BindingRefreshRequest{})
}
