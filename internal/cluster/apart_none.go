//go:build !unix

package cluster

import "syscall"

// apart has nothing to say here.
func apart() *syscall.SysProcAttr { return nil }
