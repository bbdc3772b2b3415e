package netns

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"mip6d/test/netns/charon"
	"mip6d/test/netns/node"
	"mip6d/test/netns/topology"
)

// newIKE is strongSwan with what configs/strongswan ships for one side, and more files.
func newIKE(t *testing.T, n *node.Node, side, swanctl string, more map[string][]byte) *charon.Charon {
	t.Helper()
	files := map[string][]byte{}
	for name, content := range more {
		files[name] = content
	}
	for from, to := range map[string]string{swanctl: "etc/swanctl/conf.d/mip6d.conf", "strongswan.conf": "etc/strongswan.d/mip6d.conf"} {
		b, err := charon.Shipped(side + "/" + from)
		if err != nil {
			t.Fatal(err)
		}
		files[to] = b
	}
	return charon.New(t, n, files)
}

// certify makes a certification authority at the home agent, and certificates for both
// sides, as docs/ipsec.md tells.
func certify(t *testing.T, ha, mn *charon.Charon) {
	t.Helper()
	write := func(c *charon.Charon, name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(c.Root, "etc/swanctl", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pki := func(args ...string) string {
		t.Helper()
		out, err := ha.Run(t.Context(), "/usr/bin/pki", append(args, "--outform", "pem")...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	key := func(name string) string {
		content := pki("--gen", "--type", "ecdsa", "--size", "256")
		write(ha, "private/"+name, content)
		return content
	}
	key("ca-key.pem")
	authority := pki("--self", "--ca", "--type", "ecdsa", "--in", "/etc/swanctl/private/ca-key.pem", "--dn", "CN=mip6 CA")
	write(ha, "x509ca/mip6-ca.pem", authority)
	for c, name := range map[*charon.Charon]string{ha: "ha", mn: "mn100"} {
		private := key(name + "-key.pem")
		cert := pki("--issue", "--type", "priv", "--in", "/etc/swanctl/private/"+name+"-key.pem", "--cacert", "/etc/swanctl/x509ca/mip6-ca.pem",
			"--cakey", "/etc/swanctl/private/ca-key.pem", "--dn", "CN="+name+".example.org", "--san", name+".example.org")
		write(c, "x509/"+name+".pem", cert)
		write(c, "private/"+name+"-key.pem", private)
		write(c, "x509ca/mip6-ca.pem", authority)
	}
}

// careOfOn is the mobile node's care-of address on a link.
func careOfOn(at topology.Link) netip.Addr {
	a := at.Prefix().Addr().As16()
	copy(a[8:], []byte{0, 0, 0, 0xff, 0xfe, 0, 0, 0x11})
	return netip.AddrFrom16(a)
}
