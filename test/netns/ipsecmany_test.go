package netns

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"mip6d/internal/config"
	"mip6d/internal/mh"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/load"
	"mip6d/test/netns/topology"
)

// spiOf is the first of mobile node i's six security associations.
func spiOf(i int) int { return 4096 + 6*i }

// secretOf is mobile node i's, which no other may have.
func secretOf(i int) []byte {
	s := sha256.Sum256([]byte(load.HomeAddress(i).String()))
	return s[:]
}

// manyProtected is a home agent's configuration for n mobile nodes with IPsec, payload as
// well.
func manyProtected(n int) daemon.Config {
	c := daemon.HomeAgentIPsec("")
	head, _, _ := strings.Cut(c.Text, "  mobile_nodes:\n")
	c.Text = head + "  mobile_nodes:\n"
	for i := range n {
		c.Text += fmt.Sprintf("    - {home_address: %s, ipsec: {spi: %d, key_file: $DIR/secret%d, payload: on}}\n", load.HomeAddress(i), spiOf(i), i)
		c.Files[fmt.Sprintf("secret%d", i)] = hex.EncodeToString(secretOf(i))
	}
	c.Text += "log: {level: warn}\n"
	return c
}

// sealed is mobile node i's Binding Update from a care-of address, in ESP in transport mode:
// IPv6, Home Address option, ESP (RFC 3776 §3.1, RFC 4303 §2).
func sealed(t *testing.T, i int, careOf netip.Addr, sequence uint16) []byte {
	t.Helper()
	home := load.HomeAddress(i)
	bu := &mh.BindingUpdate{Sequence: sequence, Ack: true, Home: true, Lifetime: 600 * time.Second}
	bu.Options = mh.Options{mh.AlternateCareOfAddress{CareOf: careOf}}
	raw, err := mh.Marshal(bu)
	if err != nil {
		t.Fatal(err)
	}
	mh.SetChecksum(raw, home, topology.HAAddr)
	keys := config.IPsec{Cipher: config.CipherCBC, SPI: uint32(spiOf(i)), Secret: &config.Secret{Key: secretOf(i)}}
	a, err := keys.Association(0, 0, home, topology.HAAddr)
	if err != nil {
		t.Fatal(err)
	}
	key, authKey := a.Split()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	padding := -(len(raw) + 2) & (aes.BlockSize - 1)
	for k := range padding {
		raw = append(raw, byte(k+1))
	}
	raw = append(raw, byte(padding), capture.ProtoMH)
	esp := binary.BigEndian.AppendUint32(nil, a.SPI)
	esp = binary.BigEndian.AppendUint32(esp, uint32(sequence))
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(raw, raw)
	esp = append(append(esp, iv...), raw...)
	mac := hmac.New(sha256.New, authKey)
	mac.Write(esp)
	esp = mac.Sum(esp)[:len(esp)+16]
	hoa := home.As16()
	options := append([]byte{capture.ProtoESP, 2, 1, 2, 0, 0, 0xc9, 16}, hoa[:]...)
	return capture.IPv6Packet(careOf, topology.HAAddr, 60, append(options, esp...))
}

// A home agent with 200 mobile nodes that IPsec protects, payload too: one after another
// every fourth moves, and its tunnels with it: six migrations between the Binding Update
// and its acknowledgement.
func TestKernelIPsecManyMobileNodes(t *testing.T) {
	const nodes = 200
	topo := topology.New(t, topology.Config{Unplug: true})
	ha := daemon.New(t, topo.HA, manyProtected(nodes))
	g, err := load.New(topo, nodes, nodes)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	acks := make(chan capture.Packet, nodes)
	wire, err := capture.Start(topo.CN, topology.CNInterface, func(p capture.Packet) bool {
		if !p.Out && p.IP != nil && p.IP.Proto == capture.ProtoESP && p.IP.RoutingHome.IsValid() {
			acks <- p
		}
		return false
	})
	if err != nil {
		t.Fatal(err)
	}
	defer wire.Close()
	ack := func(want map[netip.Addr]bool) {
		t.Helper()
		end := time.After(60 * time.Second)
		for len(want) > 0 {
			select {
			case p := <-acks:
				delete(want, p.IP.RoutingHome)
			case <-end:
				t.Fatalf("%d Binding Updates were not answered", len(want))
			}
		}
	}
	all := make(map[netip.Addr]bool)
	for i := range nodes { // each waits a second for duplicate address detection
		all[load.HomeAddress(i)] = true
		if err := g.Inject(sealed(t, i, load.CareOf(0, i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	ack(all)
	var took []time.Duration
	for i := 0; i < nodes; i += 4 {
		begin := time.Now()
		if err := g.Inject(sealed(t, i, load.CareOf(1, i), 2)); err != nil {
			t.Fatal(err)
		}
		ack(map[netip.Addr]bool{load.HomeAddress(i): true})
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	t.Logf("%d mobile nodes: a move takes %v (median; %v to %v), %v for each of its six migrations at the most",
		nodes, took[len(took)/2], took[0], took[len(took)-1], took[len(took)/2]/6)
	c := ha.Client()
	defer c.Close()
	shown, err := c.IPsec(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tunnels := 0
	for _, a := range shown.Associations {
		if a.Mode != "tunnel" {
			continue
		}
		tunnels++
		i := (int(a.SPI) - spiOf(0)) / 6
		at := load.CareOf(0, i)
		if i%4 == 0 {
			at = load.CareOf(1, i)
		}
		if a.Source != at && a.Destination != at || a.HomeAddress != load.HomeAddress(i) {
			t.Errorf("SPI %d of %s: %s → %s, and the mobile node is at %s", a.SPI, a.HomeAddress, a.Source, a.Destination, at)
		}
	}
	if tunnels != 4*nodes {
		t.Errorf("%d security associations in tunnel mode for %d mobile nodes", tunnels, nodes)
	}
}
