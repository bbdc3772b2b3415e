package rtnl

// Traffic is what the kernel has counted on a device, in 64 bits (IFLA_STATS64).
type Traffic struct {
	Device string

	InBytes, InPackets, InErrors, InDropped     uint64
	OutBytes, OutPackets, OutErrors, OutDropped uint64
}

// TunnelTraffic reads the counters of our tunnel devices, in one request.
func TunnelTraffic(m Marks) ([]Traffic, error) {
	links, err := devices(m.withDefaults())
	if err != nil {
		return nil, err
	}
	var list []Traffic
	for _, l := range links {
		if l.Type() == "veth" {
			continue // a way from one tunnel into another, whose packets count there
		}
		t := Traffic{Device: l.Attrs().Name}
		if s := l.Attrs().Statistics; s != nil {
			t.InBytes, t.InPackets, t.InErrors, t.InDropped = s.RxBytes, s.RxPackets, s.RxErrors, s.RxDropped
			t.OutBytes, t.OutPackets, t.OutErrors, t.OutDropped = s.TxBytes, s.TxPackets, s.TxErrors, s.TxDropped
		}
		list = append(list, t)
	}
	return list, nil
}
