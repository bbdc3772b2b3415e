package mn

import (
	"testing"
	"time"

	"mip6d/internal/mh"
	"mip6d/internal/role"
)

// The main story: start, first registration, handover, home, away again.
//
// Requirements: 6275-8.5-7, 6275-11.5.3-1, 6275-11.5.4-2, 6275-11.7.1-1
func TestStory(t *testing.T) {
	b := newBed(t, authParams())
	expect(t, "Start", b.step(role.Start{}), "path blocked")
	expect(t, "link up", b.step(up(eth)), "solicit 2")
	expect(t, "first advertisement", b.step(ra(eth, routerA, netA)),
		"add 2001:db8:a:0:a8:bbff:fecc:ddee/64 on 2",
		"path tunnelled 2001:db8:a:0:a8:bbff:fecc:ddee to 2001:db8:1::1 on 2",
		"BU lifetime 6m40s from 2001:db8:a:0:a8:bbff:fecc:ddee home 2001:db8:1::100")
	expect(t, "acknowledgement", b.ack(mh.StatusAccepted))

	expect(t, "link down", b.step(down(eth)))
	b.wait(time.Second)
	expect(t, "link up elsewhere", b.step(up(eth)), "solicit 2")
	expect(t, "advertisement of another link", b.step(ra(eth, routerB, netB)),
		"add 2001:db8:b:0:a8:bbff:fecc:ddee/64 on 2",
		"path tunnelled 2001:db8:b:0:a8:bbff:fecc:ddee to 2001:db8:1::1 on 2",
		"BU lifetime 6m40s from 2001:db8:b:0:a8:bbff:fecc:ddee home 2001:db8:1::100",
		"remove 2001:db8:a:0:a8:bbff:fecc:ddee on 2")
	expect(t, "acknowledgement", b.ack(mh.StatusAccepted))

	b.step(down(eth))
	b.wait(time.Second)
	b.step(up(eth))
	expect(t, "advertisement of the home link", b.step(homeRA(eth)),
		"path deregistering on 2, home agent at 020000000001",
		"remove 2001:db8:b:0:a8:bbff:fecc:ddee on 2",
		"BU lifetime 0s from 2001:db8:1::100",
		"path answering on 2",
		tell)
	expect(t, "acknowledgement", b.ack(mh.StatusAccepted),
		"path home on 2",
		"advertise 2001:db8:1::100 on 2")
	expect(t, "at home for a while", b.wait(time.Minute))

	expect(t, "leaving", b.step(down(eth)), "path blocked")
	b.step(up(eth))
	expect(t, "away again", b.step(ra(eth, routerA, netA)),
		"add 2001:db8:a:0:a8:bbff:fecc:ddee/64 on 2",
		"path tunnelled 2001:db8:a:0:a8:bbff:fecc:ddee to 2001:db8:1::1 on 2",
		"BU lifetime 6m40s from 2001:db8:a:0:a8:bbff:fecc:ddee home 2001:db8:1::100")
}
