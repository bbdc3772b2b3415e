package metrics

// What is, asked at each scrape.
var (
	buildInfo = family(Gauge, "mip6d_build_info", "Always 1; what this mip6d was built from.", "version", "goversion")
	roleInfo  = family(Gauge, "mip6d_role_info", "Always 1; a role of this mip6d: home_agent, mobile_node or correspondent_node.", "role")
	problems  = family(Gauge, "mip6d_problems", "What is wrong right now, as mip6ctl status lists it.")

	reloadOK = family(Gauge, "mip6d_config_last_reload_successful", "Whether the last reload of the configuration succeeded.")
	loaded   = family(Gauge, "mip6d_config_last_reload_success_timestamp_seconds",
		"When the configuration in force was loaded, in seconds since 1970.")
	answered = family(Gauge, "mip6d_collector_success",
		"Whether a part of mip6d could be asked at this scrape: engine, data_path or tunnels.", "collector")

	bindings = family(Gauge, "mip6d_bindings",
		"Bindings in force, by type: home (a home agent's) or correspondent.", "binding")
	bindingsLimit = family(Gauge, "mip6d_bindings_limit", "How many bindings there may be, as configured.", "binding")
	listEntries   = family(Gauge, "mip6d_binding_update_list_entries",
		"Entries of a mobile node's Binding Update List, by type (home: one for each home address; correspondent: one for each peer) and state.",
		"binding", "state")

	queueLength = family(Gauge, "mip6d_engine_queue_events", "Events that wait for the engine.")
	queueRoom   = family(Gauge, "mip6d_engine_queue_capacity_events", "Events that can wait before packets are dropped.")

	tunnelRxBytes   = family(Counter, "mip6d_tunnel_receive_bytes_total", "Bytes received from a tunnel device of ours, counted by the kernel.", "device")
	tunnelRxPackets = family(Counter, "mip6d_tunnel_receive_packets_total", "Packets received from a tunnel device of ours.", "device")
	tunnelRxErrors  = family(Counter, "mip6d_tunnel_receive_errors_total", "Packets that a tunnel device of ours could not receive.", "device")
	tunnelRxDropped = family(Counter, "mip6d_tunnel_receive_drops_total", "Packets that a tunnel device of ours dropped on reception.", "device")
	tunnelTxBytes   = family(Counter, "mip6d_tunnel_transmit_bytes_total", "Bytes sent into a tunnel device of ours, counted by the kernel.", "device")
	tunnelTxPackets = family(Counter, "mip6d_tunnel_transmit_packets_total", "Packets sent into a tunnel device of ours.", "device")
	tunnelTxErrors  = family(Counter, "mip6d_tunnel_transmit_errors_total", "Packets that a tunnel device of ours could not send.", "device")
	tunnelTxDropped = family(Counter, "mip6d_tunnel_transmit_drops_total", "Packets that a tunnel device of ours dropped on transmission.", "device")
)

// What is counted by the roles and the appliers: counters.go maps their counters.
var (
	messagesIn = family(Counter, "mip6d_messages_received_total",
		"Messages received: Mobility Header (mh), Router Advertisements, Router Solicitations, MLD reports.", "protocol")
	messagesOut = family(Counter, "mip6d_messages_sent_total", "Messages sent: Mobility Header (mh), MLD queries.", "protocol")
	dropped     = family(Counter, "mip6d_dropped_messages_total",
		"Messages received and not acted upon, by the reason; some of them are answered with a refusal.", "protocol", "reason")
	accepted          = family(Counter, "mip6d_binding_updates_accepted_total", "Binding Updates accepted, by a home agent or a correspondent node.")
	returnRoutability = family(Counter, "mip6d_return_routability_messages_total",
		"Return routability: test_init_answered (HoTI and CoTI), test_accepted (HoT and CoT).", "message")
	retransmissions = family(Counter, "mip6d_retransmissions_total", "Messages sent again for want of an answer.")
	overBudget      = family(Counter, "mip6d_updates_over_budget_total", "Authentic Binding Updates beyond MAX_UPDATE_RATE while there was more to do than could be done; they wait behind others.")
	suppressed      = family(Counter, "mip6d_answers_suppressed_total", "Answers not sent, to keep within the limits of their rate.")
	bindingErrors   = family(Counter, "mip6d_binding_errors_sent_total", "Binding Errors of status 1 sent.")
	failures        = family(Counter, "mip6d_failures_total",
		"What could not be done: kernel (a request that the kernel refused), store (a commit to the disk), send (a message), neighbour_send (an answer of neighbour discovery), multicast_join (membership of a group).",
		"operation")
	dadFailures = family(Counter, "mip6d_duplicate_addresses_total", "Addresses of ours that another node has, as duplicate address detection found.")
	evicted     = family(Counter, "mip6d_evictions_total",
		"What gave way because a table was full: binding (a correspondent node's), peer (a mobile node's), home_agent (a link's list).", "table")
	neighbour = family(Counter, "mip6d_neighbour_messages_total",
		"Neighbour discovery (nd) and ARP on behalf of mobile nodes that are away, and about our own addresses.", "protocol", "message")
	homeLink = family(Counter, "mip6d_home_agent_messages_total",
		"Home agent discovery and prefix discovery: discovery_answered, prefix_solicitation_answered, prefix_advertisement_sent.", "message")
	multicast = family(Counter, "mip6d_multicast_packets_total",
		"Multicast packets, by way: from_home_link (to a group that a mobile node away listens to), from_mobile_nodes (sent on to a home link), tunnelled (copies sent).", "way")
	multicastDropped = family(Counter, "mip6d_multicast_dropped_packets_total", "Multicast packets not forwarded, by reason.", "reason")
	tunnelChecked    = family(Counter, "mip6d_tunnel_checked_packets_total",
		"Packets at the reverse tunnel's source check (RFC 6275 §10.4.5), by verdict: all but passed were dropped.", "verdict")
	ipsecErrors = family(Counter, "mip6d_ipsec_errors_total",
		"Packets that IPsec has dropped and what it could not do in mip6d's network namespace, whosever they were: /proc/net/xfrm_stat.", "error")
	gated = family(Counter, "mip6d_home_link_stopped_packets_total",
		"Neighbour discovery kept from the kernel on a home link, as mip6d answers it.")
)

// What happens, observed as it happens.
var (
	events        = family(Counter, "mip6d_events_total", "Changes of state, as mip6ctl watch shows them.", "event")
	registrations = family(Counter, "mip6d_registrations_total",
		"Binding Updates answered (home agent, correspondent node) or acknowledgements received (mobile node), by status (RFC 6275 §6.1.8) and what it means. Refusals that were kept back to limit their rate are not among them.",
		"role", "binding", "status", "reason")
	registrationSeconds = family(Histogram, "mip6d_registration_duration_seconds",
		"From a Binding Update's arrival to its acknowledgement's departure, everything being in force in the kernel; by role and change: created (includes duplicate address detection), moved (a handover) or refreshed.",
		"role", "change")
	roundTripSeconds = family(Histogram, "mip6d_registration_round_trip_seconds",
		"From a mobile node's Binding Update to the acknowledgement that answers it, by what registers it: home (agent) or correspondent.", "binding")
	handoverSeconds = family(Histogram, "mip6d_handover_duration_seconds",
		"From what began a mobile node's handover to its end, by since: link_down (of the interface in use), link_up or router_advertisement (of the one used next), and to: foreign (registered) or home.",
		"since", "to")

	batchEvents   = family(Histogram, "mip6d_engine_batch_events", "Events stepped together.")
	kernelSeconds = family(Histogram, "mip6d_kernel_apply_duration_seconds", "How long a batch of requests to the kernel took.")
	sendSeconds   = family(Histogram, "mip6d_send_duration_seconds", "How long it took to send a batch of messages.")
	commitSeconds = family(Histogram, "mip6d_store_commit_duration_seconds", "How long a commit to the store took: bindings that survive a restart.")
)
