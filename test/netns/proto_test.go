package netns

import (
	"strings"
	"testing"
	"time"

	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
	"mip6d/test/netns/traffic"
)

func TestKernelProtoRO(t *testing.T) {
	t.Setenv("MIP6D_RO", topology.CNAddr.String())
	w := newWorld(t, settings{Config: topology.Config{Start: topology.Foreign1}, before: func(topo *topology.Topology) {
		daemon.New(t, topo.CN, daemon.Config{Text: "correspondent_node: {}\n"})
	}})
	w.registered(t, time.Time{}, 10*time.Second)
	p := w.pingCN(t)
	q := w.pingMN(t)
	answered(t, p, time.Now(), 5*time.Second)
	answered(t, q, time.Now(), 5*time.Second)
	time.Sleep(2 * time.Second)
	show := func() {
		out, _ := w.MN.Run(t.Context(), "ip", "-6", "xfrm", "state")
		pol, _ := w.MN.Run(t.Context(), "ip", "-6", "xfrm", "policy", "list")
		t.Log(out, pol)
		out, _ = w.CN.Run(t.Context(), "ip", "-6", "xfrm", "state")
		t.Log(out)
	}
	show()
	count := func(since time.Time) {
		hao := w.wire.Select(since, func(p capture.Packet) bool {
			return p.Out && p.IP != nil && p.IP.HomeAddress == topology.HoA && p.IP.Proto != capture.ProtoMH
		})
		rt := w.wire.Select(since, func(p capture.Packet) bool {
			return !p.Out && p.IP != nil && p.IP.RoutingHome == topology.HoA && p.IP.Proto != capture.ProtoMH
		})
		tun := w.wire.Select(since, func(p capture.Packet) bool { return p.IP != nil && p.IP.Inner != nil })
		t.Logf("HAO %d RT2 %d tunnelled %d", len(hao), len(rt), len(tun))
		if len(hao) > 0 {
			t.Logf("first HAO after %v", hao[0].Time.Sub(since))
		}
		if len(rt) > 0 {
			t.Logf("first RT2 after %v", rt[0].Time.Sub(since))
		}
	}
	count(time.Time{})
	atCN, err := capture.Start(w.CN, "eth0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer atCN.Close()
	tcp, err := traffic.StartTransfer(within(t, 5*time.Second), w.MN, topology.HoA, w.CN, topology.CNAddr)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []topology.Link{topology.Home, topology.Foreign2} {
		time.Sleep(time.Second)
		up, err := w.Move(l)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		out, _ := w.CN.Run(t.Context(), "cat", "/proc/net/xfrm_stat")
		t.Log("CN", out)
		for _, x := range w.wire.Select(up, func(p capture.Packet) bool { return p.IP != nil && p.IP.Dst == topology.CNAddr }) {
			if len(x.IP.Payload) > 2 {
				t.Logf("%v out %v %v → %v proto %d %x", x.Time.Sub(up), x.Out, x.IP.Src, x.IP.Dst, x.IP.Proto, x.IP.Payload[:3])
			}
		}
		for _, c := range []string{"-6 route show table all", "-6 neigh", "-6 rule", "-6 addr", "-6 route get 2001:db8:c::2 from 2001:db8:1::100", "-6 xfrm policy"} {
			out, err := w.MN.Run(t.Context(), "ip", strings.Fields(c)...)
			t.Log("MN ip ", c, "\n", out, err)
		}
		cw := atCN.Select(up, capture.MH(5))
		t.Log("BU at CN", len(cw))
		answered(t, p, up, 5*time.Second)
		answered(t, q, up, 5*time.Second)
		time.Sleep(2 * time.Second)
		count(up)
		for _, x := range []*traffic.Ping{p, q} {
			g := traffic.Measure(x.Probes(), up, time.Now().Add(-100*time.Millisecond), up)
			t.Logf("%s, %s: first reply after %v, largest gap %v, %d of %d lost", l, x.Name, g.FirstReply.Sub(up), g.Largest, g.Lost, g.Sent)
		}
		t.Log("tcp", tcp.Bytes())
	}
	t.Log(w.mn.Log())
}
