package doctor

// debian is where all of it is: Debian's kernels are built with every option of the
// table (6.1, both flavours).
const debian = "Debian: linux-image-amd64 or linux-image-cloud-amd64"

var mip6 = Remedy{Option: "CONFIG_IPV6_MIP6", Module: "mip6", Also: debian}

// headers are the extension headers of RFC 6275 §6.3 and §6.4, and the messages.
var headers = []Probe{
	{
		Key: "xfrm", Group: groupHeaders, What: "states and policies are listed over an xfrm socket",
		Needs: all(Must, "no extension header of Mobile IPv6 can be told to the kernel"),
		Get:   Remedy{Option: "CONFIG_XFRM_USER", Module: "xfrm_user", Also: debian},
	},
	{
		Key: "home_address_states", Group: groupHeaders, What: "xfrm states for the Home Address option",
		Needs: []Need{
			{HomeAgent, Must, "the kernel drops every Binding Update, so nobody can register"},
			{MobileNode, Must, "packets can't go directly to correspondents, and mip6d prepares that at its start"},
			{CorrespondentNode, Must, "the kernel drops what mobile nodes send directly, Binding Updates too"},
		},
		Get: mip6,
	},
	{
		Key: "routing_header_states", Group: groupHeaders, What: "xfrm states for the type 2 routing header",
		Needs: []Need{
			{MobileNode, Must, "the kernel drops every Binding Acknowledgement, so no registration succeeds"},
			{CorrespondentNode, Must, "nothing can be sent directly to a care-of address"},
		},
		Get: mip6,
	},
	{
		Key: "sub_policies", Group: groupHeaders, What: "xfrm policies of type sub",
		Needs: all(Must, "what the states let in is refused, Binding Updates and Acknowledgements first"),
		Get:   Remedy{Option: "CONFIG_XFRM_SUB_POLICY", Also: "it is no module: another kernel is needed. " + debian},
	},
	{
		Key: "mobility_header_sockets", Group: groupHeaders, What: "raw sockets for the Mobility Header and ICMPv6, with a policy of their own",
		Needs: all(Must, "no message of Mobile IPv6 can be sent or heard"),
		Get:   Remedy{Option: "CONFIG_IPV6, CONFIG_XFRM", Also: "they need CAP_NET_RAW and CAP_NET_ADMIN"},
	},
	{
		Key: "extension_headers", Group: groupHeaders, What: "a message with a Home Address option, and one with a type 2 routing header, sent and received", Waits: true,
		Needs: []Need{
			{HomeAgent, Must, "Binding Updates don't get in, or Acknowledgements don't get out"},
			{MobileNode, Must, "Binding Updates don't get out, or Acknowledgements don't get in"},
			{CorrespondentNode, Must, "Binding Updates don't get in, or Acknowledgements don't get out"},
		},
		Get: mip6,
	},
}

// ipsec is what RFC 3776 and RFC 4877 protect signalling and tunnels with.
var ipsec = []Probe{
	{
		Key: "esp_aead", Group: groupIPsec, What: "a security association of ESP with AES-GCM",
		Needs: espNeeds("of RFC 4106"),
		Get: Remedy{
			Option: "CONFIG_INET6_ESP, CONFIG_CRYPTO_GCM, CONFIG_CRYPTO_SEQIV", Module: "esp6, gcm, seqiv", Also: debian,
		},
	},
	{
		Key: "esp_cbc_hmac", Group: groupIPsec, What: "a security association of ESP with AES-CBC and HMAC-SHA-256",
		Needs: espNeeds("of RFC 3602 and RFC 4868"),
		Get: Remedy{
			Option: "CONFIG_INET6_ESP, CONFIG_CRYPTO_AUTHENC, CONFIG_CRYPTO_CBC, CONFIG_CRYPTO_HMAC, CONFIG_CRYPTO_SHA256",
			Module: "esp6, authenc, echainiv", Also: debian,
		},
	},
	{
		Key: "migrate", Group: groupIPsec, What: "an IPsec tunnel is moved to another care-of address (XFRM_MSG_MIGRATE)",
		Needs: []Need{
			{HomeAgent, Should, "IPsec tunnels must be negotiated anew after each move of a mobile node"},
			{MobileNode, Should, "IPsec tunnels must be negotiated anew after each move"},
		},
		Get: Remedy{Option: "CONFIG_XFRM_MIGRATE", Also: "it is no module: another kernel is needed. " + debian},
	},
	{
		Key: "protection_marks", Group: groupIPsec, What: "a raw socket is told the mark that a security association gives (SO_RCVMARK, Linux 5.19)",
		Needs: []Need{
			{HomeAgent, Should, "no mobile node that IPsec protects can register: nothing tells which messages came in protected"},
			{MobileNode, Should, "no Binding Acknowledgement counts as protected by IPsec, so no registration with it succeeds"},
		},
		Get: Remedy{Also: "Linux 5.19 or later. " + debian},
	},
}

func espNeeds(rfc string) []Need {
	without := "IPsec between mobile node and home agent (RFC 4877) can't use the algorithms " + rfc +
		"; authentication by RFC 4285 needs none"
	return []Need{{HomeAgent, Should, without}, {MobileNode, Should, without}}
}
