package netns

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
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
	spi := int(binary.BigEndian.Uint32(p.IP.Payload)) - spiSignallingUp
	keys := config.IPsec{Cipher: config.CipherCBC, SPI: spiSignallingUp, Secret: &config.Secret{Key: daemon.Secret()}}
	a, err := keys.Association(spi/2, spi%2, topology.HoA, topology.HAAddr)
	if err != nil {
		t.Fatal(err)
	}
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
