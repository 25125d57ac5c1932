package sim

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"sitwell/schemas"
)

// Team is a group of an office.
type Team struct {
	ID   schemas.ID
	Name string
}

// Office is sixty simulated wearers in four teams. It is played in three acts:
// History, then Tail, which joins it to the moment of going live, then Live.
type Office struct {
	Org     schemas.ID
	Name    string
	Zone    string // the IANA name of its time zone, in which it is early afternoon
	Teams   []Team
	Wearers []*Wearer
	// Start is the local midnight at which the history begins, Bulk the event
	// time at which it ends and the tail begins.
	Start, Bulk time.Time
	// Rush lets all leaners and long sitters reach their nudges in the first minute
	// of going live, a few seconds after each other.
	Rush bool
}

// Days is how many calendar days the history covers, today included; ten of
// them are working days.
const Days = 14

// tailBack is how long before the start the tail begins: the script reaches
// back 40 minutes, and a walk that ends before it has to fit as well.
const tailBack = 45 * time.Minute

// teams is the office's plan: four teams of different sizes.
var teams = []struct {
	id, name string
	size     int
}{
	{"support", "Support", 24},
	{"engineering", "Engineering", 18},
	{"finance", "Finance", 12},
	{"design", "Design", 6},
}

// mix is how habits are dealt out, in turn.
var mix = []Habit{
	Steady, Leaner, LongSitter, OneSided, Steady, Restless, Leaner, Steady, Offline, LongSitter,
	Steady, Leaner, OneSided, Restless, Steady, LongSitter, Leaner, Steady, OneSided, Restless,
}

// names are pseudonyms that people can tell apart.
var names = []string{
	"Avocet", "Bittern", "Bluetit", "Brambling", "Bunting", "Buzzard", "Chaffinch", "Chough", "Coot", "Cormorant",
	"Crake", "Crane", "Crossbill", "Curlew", "Dipper", "Dotterel", "Dove", "Dunlin", "Dunnock", "Egret",
	"Eider", "Falcon", "Fieldfare", "Firecrest", "Fulmar", "Gannet", "Goldcrest", "Goldfinch", "Goshawk", "Grebe",
	"Heron", "Hobby", "Hoopoe", "Jackdaw", "Kestrel", "Kingfisher", "Kite", "Lapwing", "Linnet", "Magpie",
	"Martin", "Merlin", "Nightjar", "Nuthatch", "Oriole", "Osprey", "Ouzel", "Petrel", "Pipit", "Plover",
	"Redstart", "Robin", "Sandpiper", "Serin", "Siskin", "Skylark", "Starling", "Swift", "Wagtail", "Wren",
}

// NewOffice makes the office as of now. Equal seeds and times give equal
// offices; each start has boots of its own, so that the readings of two starts
// never pass for each other's.
func NewOffice(seed uint64, now time.Time) *Office { return NewOfficeOf(Days, seed, now) }

// NewOfficeOf is NewOffice with a history of so many calendar days, today
// included, from 1.
func NewOfficeOf(history int, seed uint64, now time.Time) *Office {
	days := newCalendar(now)
	o := &Office{
		Org: schemas.MustID("demo-office"), Name: "Demo office", Zone: days.zone.String(),
		Start: days.midnight(days.midnight(now).Add(-time.Duration(history-1)*24*time.Hour + 12*time.Hour)),
		Bulk:  now.Add(-tailBack).Truncate(time.Second),
	}
	for _, t := range teams {
		team := Team{ID: schemas.MustID(t.id), Name: t.name}
		o.Teams = append(o.Teams, team)
		for range t.size {
			i := len(o.Wearers)
			w := newWearer(mixSeed(seed, i, now), i, days, o.Start)
			w.Name, w.Team = names[i], team.ID
			w.ID = schemas.MustID(strings.ToLower(names[i]))
			w.Device = schemas.MustID(fmt.Sprintf("band-%03d", i+1))
			o.Wearers = append(o.Wearers, w)
		}
	}
	return o
}

func mixSeed(seed uint64, i int, now time.Time) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d/%d/%d", seed, i, now.UnixMilli())
	return h.Sum64()
}

// Emit takes a run of readings and events of one wearer's device, all of w.Boot(). They
// are valid until it returns.
type Emit func(w *Wearer, items []schemas.Item) error

// History makes the readings from Start to Bulk, in windows of event time that
// hold one message for each wearer.
func (o *Office) History(ctx context.Context, emit Emit) error {
	window := MaxChunk * HistorySpacing
	items := make([]schemas.Item, 0, MaxChunk)
	for to := o.Start.Add(window); ; to = to.Add(window) {
		if to.After(o.Bulk) {
			to = o.Bulk
		}
		for _, w := range o.Wearers {
			if err := w.emitUntil(ctx, to, items, emit); err != nil {
				return err
			}
		}
		if !to.Before(o.Bulk) {
			return nil
		}
	}
}

// emitUntil makes a wearer's readings up to an event time, in chunks that fit
// into buffer.
func (w *Wearer) emitUntil(ctx context.Context, to time.Time, buffer []schemas.Item, emit Emit) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		items := w.Fill(buffer[:0], to, HistorySpacing, cap(buffer))
		if len(items) == 0 {
			return nil
		}
		if err := emit(w, items); err != nil {
			return fmt.Errorf("emit readings of %s: %w", w.ID, err)
		}
	}
}
