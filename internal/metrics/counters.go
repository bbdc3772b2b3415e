package metrics

import (
	"mip6d/internal/role"
)

// A series is a metric with the values of its labels.
type series struct {
	family *Family
	values []string
}

func of(f *Family, values ...string) series { return series{f, values} }

// counters says what the counters of the roles and the appliers are to Prometheus. A
// test compares it with the source, so that none is missed.
var counters = map[role.Counter]series{
	"mh_in":                 of(messagesIn, "mh"),
	"mh_out":                of(messagesOut, "mh"),
	"router_advertisements": of(messagesIn, "router_advertisement"),
	"router_solicitations":  of(messagesIn, "router_solicitation"),

	// Mobility Header messages.
	"packets_unreadable":           of(dropped, "any", "unreadable"),
	"events_dropped_queue_full":    of(dropped, "any", "queue_full"),
	"known_dropped_queue_full":     of(dropped, "mh", "queue_full_known"),
	"strangers_dropped_queue_full": of(dropped, "mh", "queue_full_stranger"),
	"mh_dropped_socket_full":       of(dropped, "mh", "socket_full"),
	"updates_over_budget":          of(overBudget),
	"mh_bad_checksum":              of(dropped, "mh", "bad_checksum"),
	"mh_malformed":                 of(dropped, "mh", "malformed"),
	"mh_unknown_type":              of(dropped, "mh", "unknown_type"),
	"mh_not_for_us":                of(dropped, "mh", "not_for_us"),
	"bu_no_home_address_option":    of(dropped, "mh", "no_home_address_option"),
	"bu_bad_home_address":          of(dropped, "mh", "bad_home_address"),
	"bu_bad_care_of":               of(dropped, "mh", "bad_care_of_address"),
	"auth_missing":                 of(dropped, "mh", "authentication_missing"),
	"ipsec_missing":                of(dropped, "mh", "ipsec_missing"),
	"auth_failed":                  of(dropped, "mh", "authentication_failed"),
	"auth_unknown_spi":             of(dropped, "mh", "unknown_spi"),
	"replay_rejected":              of(dropped, "mh", "replay"),
	"bu_sequence_out_of_window":    of(dropped, "mh", "sequence_out_of_window"),
	"bu_refused":                   of(dropped, "mh", "refused"),
	"bu_nonces_missing":            of(dropped, "mh", "nonces_missing"),
	"bu_nonces_expired":            of(dropped, "mh", "nonces_expired"),
	"ba_unsolicited":               of(dropped, "mh", "unsolicited_acknowledgement"),
	"rr_test_ignored":              of(dropped, "mh", "bad_test"),
	"rr_test_init_with_hao":        of(dropped, "mh", "test_init_with_home_address_option"),
	"bu_accepted":                  of(accepted),
	"bu_retransmitted":             of(retransmissions),
	"answers_rate_limited":         of(suppressed),
	"rr_test_init_in":              of(returnRoutability, "test_init_answered"),
	"rr_test_in":                   of(returnRoutability, "test_accepted"),
	"binding_errors_out":           of(bindingErrors),
	"bindings_evicted":             of(evicted, "binding"),
	"peers_dropped":                of(evicted, "peer"),
	"home_agents_list_full":        of(evicted, "home_agent"),
	"kernel_failures":              of(failures, "kernel"),
	"store_failures":               of(failures, "store"),
	"send_failures":                of(failures, "send"),
	"nd_send_failures":             of(failures, "neighbour_send"),
	"dad_failures":                 of(dadFailures),

	// Neighbours, routers, home links.
	"discovery_requests_ignored":            of(dropped, "icmpv6", "bad_discovery_request"),
	"discovery_requests_without_home_agent": of(dropped, "icmpv6", "no_home_agent"),
	"mobile_prefix_solicitations_ignored":   of(dropped, "icmpv6", "bad_prefix_solicitation"),
	"router_advertisements_invalid":         of(dropped, "router_advertisement", "malformed"),
	"router_advertisements_wrong_hop_limit": of(dropped, "router_advertisement", "hop_limit"),
	"router_solicitations_invalid":          of(dropped, "router_solicitation", "malformed"),
	"nd_invalid":                            of(dropped, "nd", "malformed"),
	"nd_wrong_hop_limit":                    of(dropped, "nd", "hop_limit"),
	"nd_solicitations_answered":             of(neighbour, "nd", "solicitation_answered"),
	"nd_probes_answered":                    of(neighbour, "nd", "probe_answered"),
	"nd_advertisements_sent":                of(neighbour, "nd", "advertisement_sent"),
	"nd_probes_sent":                        of(neighbour, "nd", "probe_sent"),
	"nd_solicitations_sent":                 of(neighbour, "nd", "solicitation_sent"),
	"arp_replies_sent":                      of(neighbour, "arp", "reply_sent"),
	"arp_announcements_sent":                of(neighbour, "arp", "announcement_sent"),
	"discovery_requests_answered":           of(homeLink, "discovery_answered"),
	"mobile_prefix_solicitations_answered":  of(homeLink, "prefix_solicitation_answered"),
	"mobile_prefix_advertisements":          of(homeLink, "prefix_advertisement_sent"),

	// Multicast.
	"mld_reports":                  of(messagesIn, "mld_report"),
	"mld_queries":                  of(messagesOut, "mld_query"),
	"mld_malformed":                of(dropped, "mld", "malformed"),
	"mld_not_bound":                of(dropped, "mld", "not_bound"),
	"mld_max_groups":               of(dropped, "mld", "max_groups"),
	"mld_dropped_unbound":          of(dropped, "mld", "not_tunnelled"),
	"mld_dropped_flood":            of(dropped, "mld", "flood"),
	"multicast_from_home_link":     of(multicast, "from_home_link"),
	"multicast_from_mobile_nodes":  of(multicast, "from_mobile_nodes"),
	"multicast_tunnelled":          of(multicast, "tunnelled"),
	"multicast_hop_limit":          of(multicastDropped, "hop_limit"),
	"multicast_scope":              of(multicastDropped, "scope"),
	"multicast_bad_source":         of(multicastDropped, "bad_source"),
	"multicast_too_big":            of(multicastDropped, "too_big"),
	"multicast_malformed":          of(multicastDropped, "malformed"),
	"multicast_unsent":             of(multicastDropped, "unsent"),
	"multicast_dropped_queue_full": of(multicastDropped, "queue_full"),
	"multicast_join_failures":      of(failures, "multicast_join"),

	// Data, of which only the kernel's programs and its reports know.
	"hao_unknown":                 of(dropped, "data", "unknown_home_address"),
	"tunnel_passed":               of(tunnelChecked, "passed"),
	"tunnel_dropped_unbound":      of(tunnelChecked, "unbound"),
	"tunnel_dropped_spoofed":      of(tunnelChecked, "spoofed"),
	"tunnel_dropped_link_local":   of(tunnelChecked, "link_local"), // heard before by what listens to them
	"tunnel_dropped_other":        of(tunnelChecked, "other"),
	"tunnel_dropped_home_test":    of(tunnelChecked, "home_test"),
	"tunnel_dropped":              of(tunnelChecked, "dropped"), // where tc flower checks, which does not tell why
	"home_link_discovery_stopped": of(gated),
}

// onDataPath are the counters that the data path alone keeps. Those of them that are
// not there are not shown, while a role's begin at zero.
var onDataPath = map[*Family]bool{tunnelChecked: true, gated: true}
