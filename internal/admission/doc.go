// Package admission says who is served first when more packets come than can be answered: it
// sorts them into the engine's classes before they wait, on the goroutine that reads them.
//
// It decides nothing else. The machines look at every message in full, and what is sorted
// wrongly is only served later, or not at all while there is a flood. What is looked at grows
// dearer step by step, so that a forger pays before we do: is there a binding of that home
// address (one look-up), is the sequence number a later one, is the authenticator right (a
// MAC), and has the mobile node sent no more than it may (MAX_UPDATE_RATE, RFC 6275 §12).
//
// Known is a message that passes all of that. A stranger's is one that fails at any of it;
// that one may still be rightful: the first ones after a mobile node has lost its memory, or
// whose sender keeps to no rate. They share what the others leave.
//
// Where nothing authenticates a message (allow_unauthenticated, and test init messages), who
// forges the address of somebody with a binding uses up that one's budget.
//
// The files: budget.go the rate, homeagent.go and correspondent.go what is known to each role.
package admission
