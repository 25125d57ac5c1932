package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below those that systems hand out by themselves (from
// 32768 on Linux, 49152 elsewhere): a part's port must be free again when the part
// is started anew, and while it is dead those that look for it would get it as the
// port of their own end.
const (
	firstPort = 20000
	lastPort  = 31999
	portTries = 1000
)

// freePorts finds n addresses on loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	var found []string
	taken := map[int]bool{}
	for range portTries {
		if len(found) == n {
			return found, nil
		}
		port := firstPort + rand.IntN(lastPort-firstPort+1) //nolint:gosec // guards nothing
		if taken[port] {
			continue
		}
		taken[port] = true
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", addr) //nolint:noctx // a bind does not wait
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("probe %s: %w", addr, err)
		}
		found = append(found, addr)
	}
	return nil, errors.New("no free ports on 127.0.0.1 from 20000 to 31999")
}
