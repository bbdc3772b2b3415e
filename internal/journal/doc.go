// Package journal remembers what the machines heard and what was done for them, and
// tells the story of one mobile node from it, for `mip6ctl trace`.
//
// It is told everything by the engine and keeps what the story of a home address may
// need: Mobility Header messages in both directions, what kernel and store were asked
// for and how long that took, detections, notices. To keep one costs a copy of some
// hundred octets and no allocation; to decode is for whoever asks.
//
// The files: journal.go what is kept and for how long, story.go which of it belongs to
// a home address, message.go and effect.go how it is told.
//
// It is not for events, which a hub of internal/ctl keeps.
package journal
