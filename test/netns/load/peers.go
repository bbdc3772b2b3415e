package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/rr"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// Peers are many mobile nodes towards one correspondent node, at the router's end of its link:
// they do return routability (RFC 6275 §5.2.5) and register.
type Peers struct {
	out     *capture.Injector
	answers chan mh.Message
	from    chan netip.Addr // to whom each answer went
	replies *capture.Capture
	list    []peer
}

// peer is one of them, and how far it has got.
type peer struct {
	home, careOf netip.Addr
	sequence     uint16
	hot          *mh.HomeTest
	cot          *mh.CareOfTest

	begun, again time.Time
	wait         time.Duration
	tries        int // of the step it is at
	retried      bool
	served       bool
}

const cnMAC = "02:00:00:00:0c:02"

// NewPeers makes n of them. They own addresses of an unused prefix, so that packets to them go
// no further than the router.
func NewPeers(router *node.Node, n int) (*Peers, error) {
	p := &Peers{answers: make(chan mh.Message, 1<<16), from: make(chan netip.Addr, 1<<16)}
	for i := range n {
		p.list = append(p.list, peer{home: HomeAddress(i), careOf: CareOf(1, i)})
	}
	var err error
	if p.out, err = capture.OpenInjector(router, "cn"); err != nil {
		return nil, err
	}
	ours := make(map[netip.Addr]bool)
	for _, x := range p.list {
		ours[x.home], ours[x.careOf] = true, true
	}
	p.replies, err = capture.Start(router, "cn", func(c capture.Packet) bool {
		if _, ok := c.IP.MHType(); !ok || c.Out {
			return false
		}
		if !ours[c.IP.Dst] {
			return false // to a flood's sources
		}
		to := c.IP.Dst
		if c.IP.RoutingHome.IsValid() {
			to = c.IP.RoutingHome
		}
		if msg, err := mh.Parse(c.IP.Payload); err == nil {
			p.answers <- msg
			p.from <- to
		}
		return false
	})
	return p, err
}

// Close ends them.
func (p *Peers) Close() error { return errors.Join(p.replies.Close(), p.out.Close()) }

// Inject sends a packet to the correspondent.
func (p *Peers) Inject(packet []byte) error {
	return p.out.Send(capture.EthernetFrame(cnMAC, packet))
}

// TestInit is a Home or Care-of Test Init from an address.
func TestInit(msg mh.Message, from netip.Addr) ([]byte, error) {
	raw, err := mh.Marshal(msg)
	if err != nil {
		return nil, err
	}
	mh.SetChecksum(raw, from, topology.CNAddr)
	return capture.IPv6Packet(from, topology.CNAddr, capture.ProtoMH, raw), nil
}

// Served is what became of the peers in a Refresh.
type Served struct {
	First, All int // without a retransmission of any message, and in the end
	Latency    []time.Duration
}

// Refresh has every peer register once, all of it anew, begun spread over a time. What gets no
// answer is sent again after one second, two and four.
func (p *Peers) Refresh(spread time.Duration) (Served, error) {
	began := time.Now()
	for i := range p.list {
		x := &p.list[i]
		x.hot, x.cot, x.served, x.retried, x.tries, x.wait = nil, nil, false, false, 0, time.Second
		x.begun = began.Add(spread * time.Duration(i) / time.Duration(len(p.list)))
		x.again = x.begun
	}
	at := make(map[netip.Addr]*peer)
	for i := range p.list {
		at[p.list[i].home], at[p.list[i].careOf] = &p.list[i], &p.list[i]
	}
	var s Served
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case msg := <-p.answers:
			x := at[<-p.from]
			switch msg := msg.(type) {
			case *mh.HomeTest:
				x.hot = msg
			case *mh.CareOfTest:
				x.cot = msg
			case *mh.BindingAcknowledgement:
				if !msg.Status.Accepted() {
					return s, fmt.Errorf("%s: status %d", x.home, msg.Status)
				}
				if msg.Sequence == x.sequence && !x.served && x.tries > 0 {
					x.served = true
					s.All++
					if !x.retried {
						s.First++
					}
					s.Latency = append(s.Latency, time.Since(x.begun))
				}
				continue
			}
			if x.hot != nil && x.cot != nil && !x.served {
				x.tries, x.wait, x.again = 0, time.Second, time.Now()
				if err := p.send(x); err != nil {
					return s, err
				}
			}
		case <-tick.C:
			left, now := 0, time.Now()
			for i := range p.list {
				x := &p.list[i]
				if x.served || x.tries == 4 && now.After(x.again) {
					continue
				}
				left++
				if !now.Before(x.again) {
					if err := p.send(x); err != nil {
						return s, err
					}
				}
			}
			if left == 0 {
				return s, nil
			}
		}
	}
}

// send sends what a peer wants an answer to.
func (p *Peers) send(x *peer) error {
	x.retried = x.retried || x.tries > 0
	x.tries++
	x.again = time.Now().Add(x.wait)
	x.wait *= 2
	if x.hot != nil && x.cot != nil {
		packet, err := x.update()
		return errors.Join(err, p.Inject(packet))
	}
	var errs []error
	if x.hot == nil {
		packet, err := TestInit(&mh.HomeTestInit{}, x.home)
		errs = append(errs, err, p.Inject(packet))
	}
	if x.cot == nil {
		packet, err := TestInit(&mh.CareOfTestInit{}, x.careOf)
		errs = append(errs, err, p.Inject(packet))
	}
	return errors.Join(errs...)
}

// update is the Binding Update that the tests have led to.
func (x *peer) update() ([]byte, error) {
	x.sequence++
	return RouteOptimizing(x.home, x.careOf, x.sequence, rr.Kbm(x.hot.Token, x.cot.Token),
		mh.NonceIndices{Home: x.hot.NonceIndex, CareOf: x.cot.NonceIndex})
}

// RouteOptimizing is a Binding Update to the correspondent.
func RouteOptimizing(home, careOf netip.Addr, sequence uint16, kbm [20]byte, nonces mh.NonceIndices) ([]byte, error) {
	bu := &mh.BindingUpdate{Sequence: sequence, Ack: true, Lifetime: 400 * time.Second}
	bu.Options = mh.Options{nonces, mh.BindingAuthorizationData{}}
	raw, err := mh.Marshal(bu)
	if err != nil {
		return nil, err
	}
	mac := rr.Authenticator(kbm[:], careOf, topology.CNAddr, mh.Covered(raw, mh.OptionBindingAuthorizationData, 0))
	copy(raw[mh.AuthenticatorOffset(raw, mh.OptionBindingAuthorizationData, 0):], mac[:])
	mh.SetChecksum(raw, home, topology.CNAddr)
	hoa := home.As16()
	options := append([]byte{capture.ProtoMH, 2, 1, 2, 0, 0, 0xc9, 16}, hoa[:]...)
	return capture.IPv6Packet(careOf, topology.CNAddr, 60, append(options, raw...)), nil
}
