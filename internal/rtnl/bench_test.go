package rtnl

import (
	"testing"

	"mip6d/internal/role"
	"mip6d/test/testkernel"
)

// BenchmarkKernelMoveTunnel is what a handover costs the mobile node's kernel:
// the tunnel's end point and two routes.
func BenchmarkKernelMoveTunnel(b *testing.B) {
	testkernel.Namespace(b)
	eth0 := link(b)
	m, err := OpenMobileNode(Marks{}, false)
	must(b, err)
	defer m.Close()
	p := homePath(role.PathTunnelled, eth0)
	for b.Loop() {
		p.CareOf = p.CareOf.Next()
		must(b, m.Apply([]role.Effect{role.SetHomePath{Path: p}})[0])
	}
}
