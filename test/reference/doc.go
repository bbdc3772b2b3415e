// Package reference writes what users look things up in: the manual pages in man/
// and configs/mip6d.schema.json. Each is made of what has to be right anyway:
//
//	man/mip6d.yaml.5            docs/configuration.md
//	configs/mip6d.schema.json   config.Settings (types, ranges) and the tables there (defaults, meanings)
//	man/mip6ctl.8               mip6ctl's commands, by cmd/mip6ctl's test
//
// "make reference" writes them anew; tests fail while that would change one. The
// beginning and the end of a page are written by hand, and stay: what is made stands
// between two comments, see Region. man/mip6d.8 is written by hand, and checked.
//
// The files: table.go reads the documentation's tables, schema.go makes the schema,
// markdown.go and mdoc.go mdoc(7) of the documentation, commands.go of commands,
// region.go puts it into its page.
package reference
