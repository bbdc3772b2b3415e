package role

// Counter names something that is counted. The strings are part of the control
// protocol: `mip6ctl show stats` prints them, in snake_case.
type Counter string

// What is received and dropped, one counter per reason.
const (
	CountMessageIn      Counter = "mh_in"
	CountMessageOut     Counter = "mh_out"
	CountBadChecksum    Counter = "mh_bad_checksum"
	CountMalformed      Counter = "mh_malformed"
	CountUnknownType    Counter = "mh_unknown_type"
	CountNotForUs       Counter = "mh_not_for_us"
	CountNoHomeAddress  Counter = "bu_no_home_address_option"
	CountBadHomeAddress Counter = "bu_bad_home_address"
	CountBadCareOf      Counter = "bu_bad_care_of"
	CountNoAuth         Counter = "auth_missing"
	CountBadAuth        Counter = "auth_failed"
	CountUnknownSPI     Counter = "auth_unknown_spi"
	CountReplay         Counter = "replay_rejected"
	CountSequence       Counter = "bu_sequence_out_of_window"
	CountUnsolicited    Counter = "ba_unsolicited"
	CountRateLimited    Counter = "answers_rate_limited"
	CountRefused        Counter = "bu_refused"
	CountAccepted       Counter = "bu_accepted"
	CountKernelFailure  Counter = "kernel_failures"
	CountSendFailure    Counter = "send_failures"
	CountQueueFull      Counter = "events_dropped_queue_full"
	CountRetransmission Counter = "bu_retransmitted"
	CountDADFailure     Counter = "dad_failures"
)
