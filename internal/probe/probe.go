package probe

import (
	"golang.org/x/sys/unix"

	"mip6d/internal/doctor"
	"mip6d/internal/rtnl"
)

// Options are what probes need to know. Zero values mean the defaults.
type Options struct {
	Marks rtnl.Marks // of the configuration
}

// trial is how one probe is made.
type trial struct {
	// scratch is free to do anything: the namespace belongs to it.
	scratch func(*scratch) error

	// here is for a namespace where others live. It leaves nothing behind and
	// touches no packet: it opens sockets, loads programs without attaching them,
	// and makes what is for addresses of 100::/64 alone, the discard-only prefix of
	// RFC 6666, for a moment. nil: that can't be.
	here func(*scratch) error
}

// trials is how each probe of the table is made.
var trials = map[doctor.Key]trial{
	"xfrm":                    {listXFRM, listXFRM},
	"home_address_states":     {homeAddressStates, homeAddressStates},
	"routing_header_states":   {routingHeaderStates, routingHeaderStates},
	"sub_policies":            {subPolicies, subPolicies},
	"mobility_header_sockets": {headerSockets, headerSockets},
	"extension_headers":       {scratch: extensionHeaders},

	"esp_aead":     {scratch: espAEAD},
	"esp_cbc_hmac": {scratch: espCBC},
	"migrate":      {scratch: migrate},

	"protection_marks": {protectionMarks, protectionMarks},

	"external_tunnel": {scratch: externalTunnel},
	"encap_routes":    {scratch: encapRoutes},
	"tunnel":          {scratch: tunnel},
	"ipv4_in_tunnel":  {scratch: ipv4InTunnel},
	"detour_pair":     {scratch: detourPair},
	"sit":             {scratch: sit},

	"home_address_flag": {scratch: homeAddressFlag},
	"nodad_flag":        {scratch: noDADFlag},
	"optimistic_dad":    {scratch: optimisticDAD},
	"address_protocol":  {scratch: addressProtocol},
	"packet_sockets":    {packetSockets, announcer},
	"kernel_proxy_nd":   {scratch: kernelProxy},
	"address_labels":    {scratch: addressLabels},

	"forwarding":          {scratch: forwarding},
	"source_rules":        {scratch: sourceRules},
	"route_protocol":      {scratch: routeProtocol},
	"route_protocol_name": {protocolName, protocolName},
	"load_sharing":        {scratch: loadSharing},
	"multicast_routing":   {scratch: multicastRouting},

	"bpf_source_check":    {bpfSourceCheck, bpfLoads},
	"flower_source_check": {scratch: flowerSourceCheck},
	"bpf_new_peers":       {scratch: bpfNewPeers},
	"plug_queue":          {scratch: plugQueue},
	"counters_64bit":      {scratch: counters64},
}

// Scratch makes probes in a network namespace of their own, in the order given. It
// needs CAP_SYS_ADMIN for the namespace, and what the roles need within; the error
// says that there is no such namespace, and is os.ErrPermission where that is why.
func Scratch(keys []doctor.Key, o Options) ([]doctor.Finding, error) {
	var findings []doctor.Finding
	err := inNamespace(o, func(s *scratch) {
		for _, k := range keys {
			findings = append(findings, finding(k, trials[k].scratch(s)))
		}
	})
	return findings, err
}

// Here makes those of the probes that do no harm in the current network namespace.
// There is no finding for the others.
func Here(keys []doctor.Key, o Options) []doctor.Finding {
	s := &scratch{options: o}
	defer s.close()
	var findings []doctor.Finding
	for _, k := range keys {
		if t := trials[k].here; t != nil {
			findings = append(findings, finding(k, t(s)))
		}
	}
	return findings
}

// All are the keys of the whole table.
func All() []doctor.Key {
	keys := make([]doctor.Key, len(doctor.Table))
	for i, p := range doctor.Table {
		keys[i] = p.Key
	}
	return keys
}

// Release is the kernel's name for itself. Nothing is concluded from it.
func Release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "of an unknown version"
	}
	return unix.ByteSliceToString(u.Release[:])
}
