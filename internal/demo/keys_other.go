//go:build !linux

package demo

import "os"

// single leaves the terminal as it is: a key counts with Enter.
func single(*os.File) (restore func(), mine bool) { return func() {}, true }
