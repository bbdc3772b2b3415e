package netns

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mip6d/internal/config"
	"mip6d/test/netns/capture"
	"mip6d/test/netns/daemon"
	"mip6d/test/netns/topology"
)

// open decrypts a packet of a derived security association of the picture: the packet
// as it was before, behind the same extension headers, or the one inside the tunnel.
func open(t *testing.T, p capture.Packet) *capture.IPv6 {
	t.Helper()
	const header, iv, icv, trailer = 8, aes.BlockSize, 16, 2
	a := association(t, int(binary.BigEndian.Uint32(p.IP.Payload)))
	key, _ := a.Split()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	body := p.IP.Payload[header+iv : len(p.IP.Payload)-icv]
	clear := make([]byte, len(body))
	cipher.NewCBCDecrypter(block, p.IP.Payload[header:header+iv]).CryptBlocks(clear, body)
	padding, next := int(clear[len(clear)-2]), clear[len(clear)-1]
	clear = clear[:len(clear)-trailer-padding]
	if next == capture.ProtoIPv6 {
		return capture.ParseIPv6(clear)
	}
	inside := *p.IP
	inside.Proto, inside.Payload = next, clear
	return &inside
}

// messageType is the type of the Mobility Header message in a packet, or that of an
// ICMPv6 message; 255 for another.
func messageType(ip *capture.IPv6) uint8 {
	if typ, ok := ip.MHType(); ok {
		return typ
	}
	if typ, ok := ip.ICMPType(); ok {
		return typ
	}
	return 255
}

// association is a security association of the test bed's secret.
func association(t *testing.T, spi int) config.Association {
	t.Helper()
	keys := config.IPsec{Cipher: config.CipherCBC, SPI: spiSignallingUp, Secret: &config.Secret{Key: daemon.Secret()}}
	a, err := keys.Association((spi-spiSignallingUp)/2, (spi-spiSignallingUp)%2, topology.HoA, topology.HAAddr)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// keepForTshark leaves the cable's packets and the keys, in the form of Wireshark's table
// esp_sa, for scripts/check-ipsec-capture.
func (w *protected) keepForTshark(t *testing.T) {
	t.Helper()
	dir := os.Getenv("MIP6D_ARTIFACTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "ipsec.pcap"))
	if err == nil {
		err = errors.Join(w.cable.WritePcap(f), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for spi := spiSignallingUp; spi < spiPayloadUp; spi++ {
		a := association(t, spi)
		key, authKey := a.Split()
		fmt.Fprintf(&lines, "\"IPv6\",\"*\",\"*\",\"0x%08x\",\"AES-CBC [RFC3602]\",\"0x%x\",\"HMAC-SHA-256-128 [RFC4868]\",\"0x%x\"\n", spi, []byte(key), []byte(authKey))
	}
	if err := os.WriteFile(filepath.Join(dir, "ipsec.esp_sa"), []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
