package config

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/netip"

	"gopkg.in/yaml.v3"
)

// IPsec is how what a mobile node and its home agent say to each other is
// protected: with static keys (RFC 3776), or with those of IKEv2 (RFC 4877). Both sides
// have the same.
type IPsec struct {
	IKE     *IKE // who makes the security associations; nil: they are static
	Cipher  Cipher
	SPI     uint32  // the first of the security associations whose keys are derived
	Secret  *Secret // from which they are; nil: all are given
	Enabled [len(Purposes)]bool

	// Given are the security associations that are not derived; nil elsewhere.
	Given [len(Purposes)][len(Directions)]*Association
}

// IKE has an IKE daemon make the security associations.
type IKE struct {
	// Number makes the reqids by which the IKE daemon's configuration ties its
	// security associations to our policies.
	Number uint32

	// Mobility says that the IKE daemon follows a care-of address when the kernel
	// tells of it: the K flag of Binding Updates and Acknowledgements.
	Mobility bool
}

// MovesKeys says whether the K flag is set.
func (i *IPsec) MovesKeys() bool { return i != nil && i.IKE != nil && i.IKE.Mobility }

// Purpose is what is protected.
type Purpose string

// Purposes and Directions are in the order of IPsec's arrays, and of the numbers
// of derived security associations.
var (
	Purposes   = [...]Purpose{"signalling", "return_routability", "payload"}
	Directions = [...]Direction{"home_agent", "mobile_node"}
)

const payload = 2 // in Purposes

// maxIKENumber: reqids have 14 bits for the number.
const maxIKENumber = 1<<14 - 1

// Direction names whom packets go to.
type Direction string

// Secret is a key in a file.
type Secret struct {
	KeyFile   string
	KeyFormat KeyFormat
	Key       Key // nil with WithoutKeys
}

// Association is one security association.
type Association struct {
	Secret
	SPI    uint32
	Cipher Cipher // CipherCBC or CipherGCM
}

// Cipher names the algorithms of a security association.
type Cipher string

// Ciphers: short names, and those that `ip xfrm` prints.
const (
	CipherCBC       Cipher = "aes-cbc/hmac-sha256"
	CipherGCM       Cipher = "aes-gcm-16"
	CipherKernelCBC Cipher = "cbc(aes)/hmac(sha256)"
	CipherKernelGCM Cipher = "rfc4106(gcm(aes))"
)

// behind is how many octets of a key are not AES's but follow it: GCM's salt, or
// the key of HMAC-SHA-256.
func (c Cipher) behind() int {
	if c == CipherGCM {
		return 4
	}
	return 32
}

// Split takes a key apart: AES's, and what follows it.
func (a Association) Split() (aes, rest Key) {
	n := max(len(a.Key)-a.Cipher.behind(), 0)
	return a.Key[:n], a.Key[n:]
}

// derivedAES is the length of AES keys that are derived.
const derivedAES = 32

// Association returns the one of a purpose and a direction, by their places in
// Purposes and Directions, of a home address and its home agent, on which derived
// keys depend.
func (i *IPsec) Association(purpose, direction int, home, agent netip.Addr) (Association, error) {
	if given := i.Given[purpose][direction]; given != nil {
		return *given, nil
	}
	a := Association{SPI: i.spi(purpose, direction), Cipher: i.Cipher}
	info := fmt.Sprintf("mip6d ipsec 1 %s %s %s %s %s", home, agent, Purposes[purpose], Directions[direction], a.Cipher)
	key, err := hkdf.Key(sha256.New, i.Secret.Key, nil, info, derivedAES+a.Cipher.behind())
	a.Key = key
	return a, err
}

// spi numbers what is derived.
func (i *IPsec) spi(purpose, direction int) uint32 {
	return i.SPI + uint32(purpose*len(Directions)+direction)
}

func (d *decoder) ipsec(dst **IPsec) reader {
	return func(path string, n *yaml.Node) {
		i := &IPsec{Cipher: CipherCBC, Enabled: [...]bool{true, true, false}}
		*dst = i
		secret := Secret{KeyFormat: KeyHex}
		d.mapping(path, n,
			optional("ike", func(path string, n *yaml.Node) {
				i.IKE = &IKE{Mobility: true}
				d.mapping(path, n,
					required("number", integer(d, &i.IKE.Number, 1, maxIKENumber)),
					optional("mobility", d.onOff(&i.IKE.Mobility)),
				)
			}),
			optional("spi", integer(d, &i.SPI, minSPI, 1<<32-int64(len(Purposes)*len(Directions)))),
			optional("key_file", d.text(&secret.KeyFile, "the path of a file with the secret")),
			optional("key_format", choice(d, &secret.KeyFormat, KeyHex, KeyRaw)),
			optional("algorithm", d.cipher(&i.Cipher)),
			optional("return_routability", d.onOff(&i.Enabled[1])),
			optional("payload", d.onOff(&i.Enabled[payload])),
			optional("associations", func(path string, n *yaml.Node) {
				d.list(path, n, func(path string, n *yaml.Node) { d.association(i, path, n) })
			}),
		)
		if secret.KeyFile != "" {
			d.readSecret(&secret, path)
			i.Secret = &secret
		}
		if i.IKE != nil {
			for _, key := range []string{"spi", "key_file", "key_format", "algorithm", "associations"} {
				if d.has(join(path, key)) {
					d.wrongf(join(path, key), "is of static keys, and ike has keys made by the IKE daemon: take one of them away")
				}
			}
			if i.Enabled[payload] {
				d.wrongf(join(path, "payload"), "is not there with ike: a home agent can't begin to negotiate for it; take it away, or ike")
			}
			return
		}
		for p := range Purposes {
			for k := range Directions {
				switch given := i.Given[p][k]; {
				case given != nil && given.Cipher == "":
					given.Cipher = i.Cipher
				case given == nil && i.Enabled[p] && i.Given[p][1-k] != nil:
					d.wrongf(path, "associations have one for %s in one direction only: give the one to %s as well", Purposes[p], Directions[k])
				case given == nil && i.Enabled[p] && (!d.has(join(path, "key_file")) || !d.has(join(path, "spi"))):
					d.wrongf(path, "has no key for %s to %s: give spi and key_file, from which all are derived, or both associations, or ike", Purposes[p], Directions[k])
				}
			}
		}
	}
}

func (d *decoder) association(i *IPsec, path string, n *yaml.Node) {
	a := &Association{Secret: Secret{KeyFormat: KeyHex}}
	var purpose Purpose
	var to Direction
	d.mapping(path, n,
		required("for", choice(d, &purpose, Purposes[:]...)),
		required("to", choice(d, &to, Directions[:]...)),
		required("spi", integer(d, &a.SPI, minSPI, 1<<32-1)),
		optional("algorithm", d.cipher(&a.Cipher)),
		required("key_file", d.text(&a.KeyFile, "the path of a file with the key")),
		optional("key_format", choice(d, &a.KeyFormat, KeyHex, KeyRaw)),
	)
	if a.KeyFile != "" {
		d.readSecret(&a.Secret, path)
	}
	for p := range Purposes {
		for k := range Directions {
			if Purposes[p] != purpose || Directions[k] != to {
				continue
			}
			if i.Given[p][k] != nil {
				d.wrongf(path, "is a second one for %s to %s: keep one", purpose, to)
			}
			i.Given[p][k] = a
		}
	}
}

// cipher reads either name and keeps the short one.
func (d *decoder) cipher(dst *Cipher) reader {
	return func(path string, n *yaml.Node) {
		choice(d, dst, CipherCBC, CipherGCM, CipherKernelCBC, CipherKernelGCM)(path, n)
		switch *dst {
		case CipherKernelCBC:
			*dst = CipherCBC
		case CipherKernelGCM:
			*dst = CipherGCM
		}
	}
}

func (d *decoder) readSecret(s *Secret, path string) {
	key, name, err := d.keys(s.KeyFile, s.KeyFormat)
	s.Key, s.KeyFile = key, name
	if err != nil {
		d.wrongf(join(path, "key_file"), "%v", err)
	}
}
