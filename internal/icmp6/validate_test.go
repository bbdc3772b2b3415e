package icmp6

import (
	"errors"
	"net/netip"
	"testing"
)

func TestRFC4861_Validation(t *testing.T) {
	slla := Header{Options: Options{SourceLinkLayerAddress{mac}}}
	global := netip.MustParseAddr("2001:db8:1::5")
	allRouters := netip.MustParseAddr("ff02::2")
	group := netip.MustParseAddr("ff02::1:ff00:100")
	multicast := netip.MustParseAddr("ff02::1:3")
	for _, c := range []struct {
		name     string
		msg      Message
		src, dst netip.Addr
		hops     int
		want     error
	}{
		{"6.1.1 solicitation", &RouterSolicitation{Header: slla}, router, allRouters, 255, nil},
		{"6.1.1 from nowhere", &RouterSolicitation{}, any6, allRouters, 255, nil},
		{"6.1.1 from nowhere with a link-layer address", &RouterSolicitation{Header: slla}, any6, allRouters, 255, ErrOption},
		{"6.1.1 hop limit", &RouterSolicitation{}, router, allRouters, 254, ErrHopLimit},
		{"6.1.1 code", &RouterSolicitation{Header: Header{Code: 1}}, router, allRouters, 255, ErrCode},
		{"6.1.2 advertisement", &RouterAdvertisement{Header: slla}, router, allNode, 255, nil},
		{"6.1.2 source not link-local", &RouterAdvertisement{}, global, allNode, 255, ErrSource},
		{"6.1.2 source unspecified", &RouterAdvertisement{}, any6, allNode, 255, ErrSource},
		{"6.1.2 hop limit", &RouterAdvertisement{}, router, allNode, 64, ErrHopLimit},
		{"6.1.2 hop limit 256", &RouterAdvertisement{}, router, allNode, 256, ErrHopLimit},
		{"6.1.2 code", &RouterAdvertisement{Header: Header{Code: 1}}, router, allNode, 255, ErrCode},
		{"7.1.1 multicast solicitation", &NeighborSolicitation{Target: hoa, Header: slla}, global, group, 255, nil},
		{"7.1.1 unicast solicitation", &NeighborSolicitation{Target: hoa, Header: slla}, global, hoa, 255, nil},
		{"7.1.1 DAD probe", &NeighborSolicitation{Target: hoa}, any6, group, 255, nil},
		{"7.1.1 unicast DAD probe", &NeighborSolicitation{Target: hoa}, any6, hoa, 255, ErrSource},
		{"7.1.1 DAD probe with a link-layer address", &NeighborSolicitation{Target: hoa, Header: slla}, any6, group, 255, ErrOption},
		{"7.1.1 multicast target", &NeighborSolicitation{Target: multicast}, global, group, 255, ErrTarget},
		{"7.1.1 hop limit", &NeighborSolicitation{Target: hoa}, global, group, 1, ErrHopLimit},
		{"7.1.2 advertisement", &NeighborAdvertisement{Target: hoa, Solicited: true}, hoa, global, 255, nil},
		{"7.1.2 unsolicited to all", &NeighborAdvertisement{Target: hoa}, hoa, allNode, 255, nil},
		{"7.1.2 solicited to all", &NeighborAdvertisement{Target: hoa, Solicited: true}, hoa, allNode, 255, ErrFlags},
		{"7.1.2 multicast target", &NeighborAdvertisement{Target: multicast}, hoa, global, 255, ErrTarget},
		{"7.1.2 code", &NeighborAdvertisement{Target: hoa, Header: Header{Code: 9}}, hoa, global, 255, ErrCode},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := ValidND(c.msg, c.src, c.dst, c.hops); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestRFC4291_2_7_1_SolicitedNode(t *testing.T) {
	got := SolicitedNode(netip.MustParseAddr("2001:db8:1::1234:5678"))
	if want := netip.MustParseAddr("ff02::1:ff34:5678"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	for a, want := range map[string]bool{
		"ff02::1:ff34:5678": true, "ff02::1": false, "ff05::1:ff34:5678": false, "2001:db8::1": false,
	} {
		if got := IsSolicitedNode(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}
