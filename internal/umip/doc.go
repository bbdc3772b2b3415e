// Package umip reads the configuration of UMIP, the older Mobile IPv6 daemon in
// C (MIPL 2, NEPL and what came of them), and writes mip6d's.
//
// Nothing of the old file is dropped in silence: what has no counterpart is
// named in a comment, with the reason and what to do instead. What the old file
// did not say and mip6d must know (keys above all: UMIP knew IPsec only) is left
// out with a comment that begins with TODO, or named by a file that is to be
// made, so that mip6d --check complains about exactly that.
//
// The old format, in short: options end with a semicolon, blocks stand in
// braces, a number sign begins a comment, strings are in double quotes, words
// have the case they are written in here, and enabled, allow, true and disabled,
// deny, block, false are the truth values. An include "PATTERN" may stand
// anywhere.
//
// The files: keywords.go and notes.go the table of options and what becomes of
// each, lex.go and stream.go text and included files to tokens, parse.go and
// forms.go tokens to a File, convert.go and homeagent.go, mobilenode.go,
// correspondent.go, auth.go a File to our configuration, page.go its printing,
// problem.go the errors.
//
// The package is pure: texts come in, a text and problems go out. docs/from-umip.md
// has the table for people; a test keeps it equal to the one here.
package umip
