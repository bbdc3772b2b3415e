package metrics

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// meterFamilies are those that Meter fills.
var meterFamilies = map[*Family]bool{
	events: true, registrations: true, registrationSeconds: true, roundTripSeconds: true, handoverSeconds: true,
	batchEvents: true, kernelSeconds: true, sendSeconds: true, commitSeconds: true,
}

// Buckets in seconds, and of batches in events.
var (
	handoverBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	answerBuckets   = []float64{.0002, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
	applyBuckets    = []float64{.00002, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}
	batchBuckets    = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}
)

// The roles, as the label "role" has them.
const (
	homeAgent         = "home_agent"
	mobileNode        = "mobile_node"
	correspondentNode = "correspondent_node"
)

// Meter observes what happens. It is an engine.Meter besides. Its methods may be
// called by several goroutines.
type Meter struct {
	now func() time.Time

	events, registrations                     *prometheus.CounterVec
	registrationTook, roundTrip, handover     *prometheus.HistogramVec
	batch, kernel, send, commit               *prometheus.HistogramVec
	batchOf, kernelTook, sendTook, commitTook prometheus.Observer

	mu    sync.Mutex
	waits waits
	moves moves
}

// NewMeter returns a meter that has seen nothing. Nil for now means time.Now.
func NewMeter(now func() time.Time) *Meter {
	if now == nil {
		now = time.Now
	}
	m := &Meter{
		now: now, events: events.counter(), registrations: registrations.counter(),
		registrationTook: registrationSeconds.histogram(answerBuckets), roundTrip: roundTripSeconds.histogram(answerBuckets),
		handover: handoverSeconds.histogram(handoverBuckets), batch: batchEvents.histogram(batchBuckets),
		kernel: kernelSeconds.histogram(applyBuckets), send: sendSeconds.histogram(applyBuckets),
		commit: commitSeconds.histogram(applyBuckets),
	}
	m.batchOf, m.kernelTook = m.batch.WithLabelValues(), m.kernel.WithLabelValues()
	m.sendTook, m.commitTook = m.send.WithLabelValues(), m.commit.WithLabelValues()
	for _, k := range kinds {
		m.events.WithLabelValues(string(k)) // from zero on
	}
	return m
}

func (m *Meter) collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.events, m.registrations, m.registrationTook, m.roundTrip, m.handover, m.batch, m.kernel, m.send, m.commit,
	}
}

// Stepped implements engine.Meter.
func (m *Meter) Stepped(events int) { m.batchOf.Observe(float64(events)) }

// Applied implements engine.Meter.
func (m *Meter) Applied(where string, took time.Duration) {
	switch where {
	case "kernel":
		m.kernelTook.Observe(took.Seconds())
	case "wire":
		m.sendTook.Observe(took.Seconds())
	case "store":
		m.commitTook.Observe(took.Seconds())
	}
}

// Received is told what is about to be handed to the engine.
func (m *Meter) Received(ev role.Event) {
	in, ok := ev.(role.MessageIn)
	if !ok || len(in.Raw) < sequenceAt+2 || mh.Type(in.Raw[typeAt]) != mh.TypeBindingUpdate {
		return
	}
	key := exchange{home: in.Src, other: in.Dst, sequence: uint16(in.Raw[sequenceAt])<<8 | uint16(in.Raw[sequenceAt+1])}
	if in.HomeAddress.IsValid() {
		key.home = in.HomeAddress
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits.begin(key, m.now())
}

// Offsets in a Binding Update, RFC 6275 §6.1.1 and §6.1.7.
const (
	typeAt     = 2
	sequenceAt = 6
)

// Told is told each Notice, after what it tells of was carried out.
func (m *Meter) Told(n role.Notice) {
	m.events.WithLabelValues(string(n.Kind)).Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	switch n.Kind {
	case role.NoticeBindingCreated:
		m.answered(n, "created")
	case role.NoticeBindingMoved:
		m.answered(n, "moved")
	case role.NoticeBindingRefreshed:
		m.answered(n, "refreshed")
	case role.NoticeBindingDeleted, role.NoticeBindingRefused:
		m.answered(n, "")
	case role.NoticeUpdateSent:
		m.waits.begin(exchangeOf(n), m.now())
	case role.NoticeAckReceived:
		if n.Warn {
			return // one that does not verify
		}
		_, binding := side(n)
		m.register(mobileNode, binding, n.Status)
		if took, ok := m.waits.end(exchangeOf(n), m.now()); ok {
			m.roundTrip.WithLabelValues(binding).Observe(took.Seconds())
		}
	default:
		m.moves.told(n, m.now(), func(since, to string, took time.Duration) {
			m.handover.WithLabelValues(since, to).Observe(took.Seconds())
		})
	}
}

// answered is the end of a Binding Update on the side that binds.
func (m *Meter) answered(n role.Notice, change string) {
	role, binding := side(n)
	if n.HasStatus {
		m.register(role, binding, n.Status)
	}
	if took, ok := m.waits.end(exchangeOf(n), m.now()); ok && change != "" {
		m.registrationTook.WithLabelValues(role, change).Observe(took.Seconds())
	}
}

func (m *Meter) register(role, binding string, status mh.Status) {
	m.registrations.WithLabelValues(role, binding, strconv.Itoa(int(status)), status.String()).Inc()
}

// side says who binds: a Notice of a correspondent node names its own address as the
// peer.
func side(n role.Notice) (who, binding string) {
	if n.Peer.IsValid() {
		return correspondentNode, Correspondent
	}
	return homeAgent, Home
}

// kinds are all that a Notice can tell.
var kinds = []role.NoticeKind{
	role.NoticeLinkUp, role.NoticeLinkDown, role.NoticeRouter, role.NoticeCareOfReady, role.NoticeDADFailed,
	role.NoticeHomeAgent, role.NoticeHomePrefix, role.NoticeHomeAddress, role.NoticeUpdateSent, role.NoticeAckReceived,
	role.NoticeRegistered, role.NoticeAtHome, role.NoticeUnregistered,
	role.NoticeBindingCreated, role.NoticeBindingMoved, role.NoticeBindingRefreshed, role.NoticeBindingDeleted,
	role.NoticeBindingExpired, role.NoticeBindingRefused,
	role.NoticeGroupJoined, role.NoticeGroupLeft,
	role.NoticePeerSeen, role.NoticeDirect, role.NoticeDirectEnded, role.NoticePeerRefused, role.NoticeTestSent,
	role.NoticeTestPassed,
	role.NoticeFault,
}
