package role

// Counter names something that is counted. The strings are part of the control
// protocol: `mip6ctl show stats` prints them, in snake_case.
type Counter string

// What is received and dropped, one counter per reason.
const (
	CountMessageIn       Counter = "mh_in"
	CountMessageOut      Counter = "mh_out"
	CountBadChecksum     Counter = "mh_bad_checksum"
	CountMalformed       Counter = "mh_malformed"
	CountUnknownType     Counter = "mh_unknown_type"
	CountNotForUs        Counter = "mh_not_for_us"
	CountNoHomeAddress   Counter = "bu_no_home_address_option"
	CountBadHomeAddress  Counter = "bu_bad_home_address"
	CountBadCareOf       Counter = "bu_bad_care_of"
	CountNoAuth          Counter = "auth_missing"
	CountUnprotected     Counter = "ipsec_missing" // should have come through a security association of its home address
	CountBadAuth         Counter = "auth_failed"
	CountUnknownSPI      Counter = "auth_unknown_spi"
	CountReplay          Counter = "replay_rejected"
	CountSequence        Counter = "bu_sequence_out_of_window"
	CountUnsolicited     Counter = "ba_unsolicited"
	CountRateLimited     Counter = "answers_rate_limited"
	CountRefused         Counter = "bu_refused"
	CountAccepted        Counter = "bu_accepted"
	CountKernelFailure   Counter = "kernel_failures"
	CountSendFailure     Counter = "send_failures"
	CountStoreFailure    Counter = "store_failures"
	CountQueueFull       Counter = "events_dropped_queue_full"
	CountKnownDropped    Counter = "known_dropped_queue_full"     // of those who have a binding
	CountStrangerDropped Counter = "strangers_dropped_queue_full" // what anybody may have sent, in an overload
	CountSocketFull      Counter = "mh_dropped_socket_full"       // by the kernel, before we could look at them
	CountOverBudget      Counter = "updates_over_budget"          // more than a mobile node may send, in an overload
	CountRetransmission  Counter = "bu_retransmitted"
	CountDADFailure      Counter = "dad_failures"

	// Route optimisation.
	CountTestInit       Counter = "rr_test_init_in"       // HoTI and CoTI answered
	CountTest           Counter = "rr_test_in"            // HoT and CoT taken
	CountBadTest        Counter = "rr_test_ignored"       // HoT and CoT that fail a check (§11.6.2)
	CountTestHomeOption Counter = "rr_test_init_with_hao" // §9.4.1: silently ignored
	CountNoNonces       Counter = "bu_nonces_missing"
	CountExpiredNonces  Counter = "bu_nonces_expired"
	CountUnknownHoA     Counter = "hao_unknown"        // data with a Home Address option and no binding
	CountBindingError   Counter = "binding_errors_out" // of status 1
	CountCacheFull      Counter = "bindings_evicted"
	CountPeersFull      Counter = "peers_dropped"
)
