package main

import (
	"net/netip"

	"mip6d/internal/ctl"
)

var bindingLister = lister[ctl.Binding]{
	home:   func(b ctl.Binding) netip.Addr { return b.HomeAddress },
	nets:   func(b ctl.Binding) []netip.Prefix { return b.MobilePrefixes },
	careOf: func(b ctl.Binding) netip.Addr { return b.CareOf },
	keys: []sortKey[ctl.Binding]{
		byAddr("hoa", func(b ctl.Binding) netip.Addr { return b.HomeAddress }),
		byAddr("coa", func(b ctl.Binding) netip.Addr { return b.CareOf }),
		by("type", func(b ctl.Binding) string { return b.Type }),
		by("lifetime", func(b ctl.Binding) ctl.Seconds { return b.Lifetime }),
		by("left", func(b ctl.Binding) ctl.Seconds { return b.Remaining }),
		by("created", func(b ctl.Binding) int64 { return b.Created.UnixNano() }),
		by("moves", func(b ctl.Binding) uint64 { return b.Moves }),
	},
}

var updateLister = lister[ctl.BindingUpdate]{
	home:   func(b ctl.BindingUpdate) netip.Addr { return b.HomeAddress.Addr() },
	nets:   func(b ctl.BindingUpdate) []netip.Prefix { return b.MobilePrefixes },
	careOf: func(b ctl.BindingUpdate) netip.Addr { return b.CareOf },
	keys: []sortKey[ctl.BindingUpdate]{
		byAddr("hoa", func(b ctl.BindingUpdate) netip.Addr { return b.HomeAddress.Addr() }),
		byAddr("coa", func(b ctl.BindingUpdate) netip.Addr { return b.CareOf }),
		by("state", func(b ctl.BindingUpdate) string { return b.State }),
		by("left", func(b ctl.BindingUpdate) ctl.Seconds { return b.Remaining }),
	},
}

var groupLister = lister[ctl.Group]{
	home:   func(g ctl.Group) netip.Addr { return g.HomeAddress },
	careOf: func(g ctl.Group) netip.Addr { return g.CareOf },
	keys: []sortKey[ctl.Group]{
		byAddr("group", func(g ctl.Group) netip.Addr { return g.Group }),
		byAddr("hoa", func(g ctl.Group) netip.Addr { return g.HomeAddress }),
		byAddr("coa", func(g ctl.Group) netip.Addr { return g.CareOf }),
		by("age", func(g ctl.Group) ctl.Seconds { return g.Age }),
		by("left", func(g ctl.Group) ctl.Seconds { return g.Remaining }),
	},
}
