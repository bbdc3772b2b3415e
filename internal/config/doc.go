// Package config turns mip6d's configuration file into values, strictly: what
// is not understood is an error, and all errors are reported at once, each with
// file:line:column, the key, and what to do.
//
// The files: config.go the values, defaults.go what holds when nothing is said,
// load.go from a file to values, schema.go which keys there are, check.go what
// must hold between them, decode.go and scalar.go the strict reading of YAML,
// key.go keys from files, problem.go the errors, change.go what a reload can
// take over.
//
// This package knows no role: cmd/mip6d converts its values to the roles' own
// parameters. docs/configuration.md describes every key, and a test here fails
// when it does not.
package config
