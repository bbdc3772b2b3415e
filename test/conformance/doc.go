// Package conformance keeps docs/conformance.md: each MUST, MUST NOT and SHOULD of the RFCs that mip6d implements, and the
// tests that show it, or the word missing and why.
//
// requirements.tsv is the list, a line each: id, section, who must keep it, level, what it asks in our words, and what no
// test shows, with the reason. Tests name what they show by a comment, in their doc comment or inside, beside the case:
//
//	// Requirements: 6275-9.5.1-3, 6275-9.5.1-10
//
// A testscript does so with # for //. Besides, a test called TestRFC6275_9_5_1_… is listed at its section.
//
// requirements.go reads the list, collect.go the tests, check.go finds what does not fit together, render.go writes the
// document. `make conformance` writes it anew; TestConformanceIsUpToDate fails when that would change it.
package conformance

// Document is where the table is, from the module's root.
const Document = "docs/conformance.md"

// List is where the requirements are.
const List = "test/conformance/requirements.tsv"
