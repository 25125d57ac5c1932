package cluster

import "syscall"

// apart keeps the terminal's signals from a child and ends it with its parent.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
