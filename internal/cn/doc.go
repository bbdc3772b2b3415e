// Package cn is the correspondent node of RFC 6275 §9, as far as it goes today:
// it offers no route optimisation, and says so where the RFC has words for it.
// Packets of mobile nodes reach it through their home agents.
//
//	Binding Update with H set    Binding Acknowledgement 131 (§10.3.1)
//	unknown MH Type              Binding Error 2 (§9.2)
//	everything else              silence; a mobile node takes that as no
//
// Return routability, the binding cache and route optimisation come with a later
// issue; internal/rr has the tokens and nonces for them.
package cn
