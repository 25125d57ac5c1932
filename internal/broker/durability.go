package broker

import (
	"errors"
	"fmt"
	"time"
)

// Durability says when an acknowledged message is safe from a power cut. Kills
// of the process lose nothing either way: the operating system keeps what was
// written.
type Durability string

const (
	// Always syncs each message to disk before it is acknowledged. The default.
	Always Durability = "always"
	// Interval syncs every SyncInterval: ten times faster and more on small
	// messages, and a power cut loses what was acknowledged since the last sync.
	Interval Durability = "interval"
)

// SyncInterval is the window of Interval.
const SyncInterval = 1 * time.Second

// Window is how much of what was acknowledged a power cut may lose.
func (d Durability) Window() time.Duration {
	if d == Interval {
		return SyncInterval
	}
	return 0
}

// ErrDurability means a durability that does not exist.
var ErrDurability = errors.New("durability is always or interval")

func (d Durability) validate() error {
	switch d {
	case Always, Interval:
		return nil
	default:
		return fmt.Errorf("%w, not %q", ErrDurability, string(d))
	}
}
