package demo

import (
	"io"
	"os"
	"sync"
)

// Keys gives the keys that are pressed at a terminal, each at once where the system
// allows for that and else with Enter, or the bytes of a pipe. The channel is closed
// at the end of f, and nil where f is a terminal that another program has. restore
// gives the terminal back as it was; call it before the program ends.
func Keys(f *os.File) (keys <-chan byte, restore func()) {
	restore, mine := single(f)
	if !mine {
		return nil, restore
	}
	out := make(chan byte, 1) // a key that comes while another waits is dropped
	go read(f, out)           // ends with f, or with the program: a read cannot be called off
	return out, sync.OnceFunc(restore)
}

func read(in io.Reader, out chan<- byte) {
	defer close(out)
	var b [1]byte
	for {
		n, err := in.Read(b[:])
		if err != nil {
			return
		}
		if n == 0 || b[0] == '\n' || b[0] == '\r' {
			continue
		}
		select {
		case out <- b[0]:
		default:
		}
	}
}
