// Package report draws handovers: what `mip6ctl report` makes of a daemon's journal, as one page without a reference to
// anything outside of it. The demonstration (test/demo) draws its own measurements with the same timelines.
//
// A daemon knows when it did something, not when a packet came through: what the page calls an interruption is from the
// end of the old path to the registration of the new one. The demonstration measures packets.
//
// The files: follow.go from events to handovers and stays, mobilenode.go and homeagent.go its two sides; timeline.go one
// handover, distribution.go how long they took, overview.go all of a period, as SVG; page.go, page.html and style.css the
// page.
package report
