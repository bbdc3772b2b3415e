package role

// NoticeKind names what a Notice tells. The strings are part of the control
// protocol: `mip6ctl watch -o json` prints them.
type NoticeKind string

// Notices of a mobile node.
const (
	NoticeLinkUp       NoticeKind = "link_up"
	NoticeLinkDown     NoticeKind = "link_down"
	NoticeRouter       NoticeKind = "router_advertisement" // the first that tells a new link
	NoticeCareOfReady  NoticeKind = "care_of_ready"
	NoticeDADFailed    NoticeKind = "dad_failed"
	NoticeHomeAgent    NoticeKind = "home_agent"   // found, given up, or not found
	NoticeHomePrefix   NoticeKind = "home_prefix"  // the home agent has told of prefixes, or one has ended
	NoticeHomeAddress  NoticeKind = "home_address" // DHCPv6 has given one, or its lease has ended
	NoticeUpdateSent   NoticeKind = "binding_update_sent"
	NoticeAckReceived  NoticeKind = "binding_acknowledgement_received"
	NoticeRegistered   NoticeKind = "registered"
	NoticeAtHome       NoticeKind = "at_home"
	NoticeUnregistered NoticeKind = "unregistered" // the binding ended without an answer
)

// Notices of a home agent.
const (
	NoticeBindingCreated   NoticeKind = "binding_created"
	NoticeBindingMoved     NoticeKind = "binding_moved"
	NoticeBindingRefreshed NoticeKind = "binding_refreshed"
	NoticeBindingDeleted   NoticeKind = "binding_deleted"
	NoticeBindingExpired   NoticeKind = "binding_expired"
	NoticeBindingRefused   NoticeKind = "binding_refused"
)

// Notices of a home agent about multicast groups; the peer is the group.
const (
	NoticeGroupJoined NoticeKind = "group_joined" // a mobile node that is away listens to it
	NoticeGroupLeft   NoticeKind = "group_left"   // and not any more, or has not answered for long
)

// Notices of route optimisation, on either side.
const (
	NoticePeerSeen    NoticeKind = "peer_seen"    // traffic with a new peer: return routability begins
	NoticeDirect      NoticeKind = "direct"       // a peer is reached directly from now on
	NoticeDirectEnded NoticeKind = "direct_ended" // packets of a peer go by the home agent again
	NoticePeerRefused NoticeKind = "peer_refused" // a peer can't or won't; it is left alone for a while
	NoticeTestSent    NoticeKind = "test_sent"    // a Home or Care-of Test Init
	NoticeTestPassed  NoticeKind = "test_passed"  // a Home or Care-of Test
)

// NoticeFault is anything that went wrong between us and the kernel.
const NoticeFault NoticeKind = "fault"

// Routine says whether so many notices of a kind may come, where there are many
// mobile nodes or correspondents, that the others would be lost among them.
func (k NoticeKind) Routine() bool {
	switch k {
	case NoticeBindingRefreshed, NoticeRouter, NoticeGroupJoined, NoticeGroupLeft,
		NoticePeerSeen, NoticePeerRefused, NoticeTestSent, NoticeTestPassed:
		return true
	}
	return false
}
