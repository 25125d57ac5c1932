package demo

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// single makes a terminal give each key at once, without showing it. It is false
// for a terminal that another program has, as the shell from which this one was sent
// into the background.
func single(f *os.File) (restore func(), mine bool) {
	fd := int(f.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return func() {}, true // no terminal
	}
	if front, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil || front != unix.Getpgrp() {
		return func() {}, false
	}
	// Sent into the background later, reading gives an error rather than a stop.
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	now := *was
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &now); err != nil {
		return func() {}, true // then with Enter
	}
	return func() { _ = unix.IoctlSetTermios(fd, unix.TCSETS, was) }, true
}
