package registry

import (
	"fmt"
	"strings"
	"time"

	"sitwell/schemas"
)

// Org is an organisation. Everything else belongs to one.
type Org struct {
	ID   schemas.ID `json:"id"`
	Name string     `json:"name"`
	// Zone is the IANA time zone of its days, such as Europe/Vienna.
	Zone string `json:"zone"`
}

// Location is the organisation's time zone.
func (o Org) Location() *time.Location {
	loc, err := time.LoadLocation(o.Zone)
	if err != nil { // checked when it was added; this machine may lack the zone since
		return time.UTC
	}
	return loc
}

// Team is a group of wearers of an organisation.
type Team struct {
	Org  schemas.ID `json:"org"`
	ID   schemas.ID `json:"id"`
	Name string     `json:"name"`
}

// Wearer is a person who wears a device.
type Wearer struct {
	Org  schemas.ID `json:"org"`
	ID   schemas.ID `json:"id"`
	Team schemas.ID `json:"team,omitzero"`
	Name string     `json:"name"`
	// Zone is the wearer's own IANA time zone; "" is the organisation's.
	Zone string `json:"zone,omitempty"`
	// Leaving says that all that is known of the wearer is being erased: nothing is
	// taken for them any more, of whatever time. Devices are those they wore; see Leave.
	Leaving bool         `json:"leaving,omitempty"`
	Devices []schemas.ID `json:"devices,omitempty"`
}

// Device is a wearable and who wore it when.
type Device struct {
	Org         schemas.ID   `json:"org"`
	ID          schemas.ID   `json:"id"`
	Assignments []Assignment `json:"assignments"`
}

// Assignment says that Wearer wore the device in From <= time < To; a zero To
// is open.
type Assignment struct {
	Wearer schemas.ID `json:"wearer"`
	From   time.Time  `json:"from"`
	To     time.Time  `json:"to,omitzero"`
}

// covers reports whether the assignment holds at a time in milliseconds.
func (a Assignment) covers(ms int64) bool {
	return ms >= a.From.UnixMilli() && (a.To.IsZero() || ms < a.To.UnixMilli())
}

// overlaps reports whether the two share a moment.
func (a Assignment) overlaps(b Assignment) bool {
	return (a.To.IsZero() || b.From.Before(a.To)) && (b.To.IsZero() || a.From.Before(b.To))
}

// String has the times as they count, below the second too.
func (a Assignment) String() string {
	to := "on"
	if !a.To.IsZero() {
		to = "to " + a.To.Format(time.RFC3339Nano)
	}
	return fmt.Sprintf("%s from %s %s", a.Wearer, a.From.Format(time.RFC3339Nano), to)
}

// checkName refuses names that would hurt a page or a terminal.
func checkName(name string) error {
	if len(name) > 100 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("%w: a name has at most 100 bytes and no control characters", ErrInvalid)
	}
	return nil
}

func checkZone(zone string) error {
	if zone == "" {
		return nil
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return fmt.Errorf("%w: %q is no IANA time zone such as Europe/Vienna", ErrInvalid, zone)
	}
	return nil
}
