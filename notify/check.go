package notify

import (
	"errors"
	"fmt"

	"sitwell/schemas"
)

// highestLevel bounds the levels of an episode that are looked at.
const highestLevel = 9

// checkFinding refuses what could never become a key, a subject or a topic:
// trying it again would stop everything behind it.
func checkFinding(f schemas.Finding) error {
	if f.Org.IsZero() || f.Wearer.IsZero() || f.Device.IsZero() {
		return errors.New("organisation, wearer or device is missing")
	}
	if f.Level < 1 || f.Level > highestLevel {
		return fmt.Errorf("level %d is not 1 to %d", f.Level, highestLevel)
	}
	if _, err := schemas.ParseID(nudgeID(f.Episode, f.Level)); err != nil {
		return fmt.Errorf("nudge id: %w", err)
	}
	return nil
}

func checkAnswer(a schemas.Answer) error {
	if a.Org.IsZero() || a.Wearer.IsZero() {
		return errors.New("organisation or wearer is missing")
	}
	return nil
}
