// Package deps has no code: its test proves who imports whom.
//
// The rules are the tables at the top of rules_test.go. The test parses the
// sources rather than asking the go command, so it also works on a tree that
// does not compile, sees the files of every platform and build tag, and is run
// again by go test's cache as soon as a source changes.
package deps
