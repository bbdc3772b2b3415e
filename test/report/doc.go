// Package report shows that a browser shows what `mip6ctl report` writes: headless Chromium lays the page out and paints
// it, and a picture of that has what it must have. `make test-report` runs it.
package report
