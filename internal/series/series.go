// Package series is the contract of the time-series store: what the recorder
// appends and what a wearer's day and the office's summary are read from.
//
// A store keeps these things for each wearer: raw readings, those of them that
// came too late to be judged marked as such, minute rollups, findings and the
// episodes they make, and nudges. They arrive in log order and each append carries its
// log sequence, so that a replay after a crash changes nothing. Beside them, and
// apart from them, it keeps what may be known of an office's groups. Every query
// names an organisation: there is no way to ask across them.
//
// Each thing belongs to a Class, which has a time after which it is removed. A
// wearer who is erased is gone from all of them but the office's, where nobody can
// be told from others.
//
// Implementations are safe for concurrent use, with one appender. The suite in
// seriestest proves an implementation against this contract: sqlite, the embedded
// one, and influx, the one on InfluxDB 2.
package series

import (
	"context"
	"errors"
	"time"

	"sitwell/schemas"
)

// OpenFor is how long after its last finding an episode that has no end still
// counts: a device that fell silent in an episode leaves it open for good, and
// must not have it listed on every later day. It is longer than any pause
// between the findings of an episode that goes on.
const OpenFor = 24 * time.Hour

// Repeats is how far from each other two times of one (device, boot, seq) may be and
// still be known as a repetition: a device without a clock that is asked twice tells
// a later time the second time.
const Repeats = 15 * time.Minute

// Store is a time-series store.
type Store interface {
	Appender
	Reader
	Offices
	Keeper

	// Replace puts what a wearer's stored readings were found to mean in place of
	// what is stored: of the minutes of From <= start < To, and of the episodes,
	// with their findings, that start in it, those of with are there afterwards
	// and no others, in one step for whoever reads the same Store, and after a crash
	// once the store has been opened again. Readings, marks and decisions stay. What the log
	// brings afterwards counts as ever. Its minutes may cover less time than those
	// they are put in place of; of several of one minute the last counts. A wearer of whom nothing is stored is no
	// error; something in with that is of another wearer or another time is one, and
	// then nothing has changed. Where with.Was is given and what is stored of the
	// range is not that any more, the error is ErrChanged, and nothing has changed
	// either. It may be called beside Append, which waits for it: replace a day at a
	// time.
	Replace(ctx context.Context, q Query, with Rebuilt) error
	// Stats counts what is stored. It may be costly: it is for people and tests, not
	// for each append.
	Stats(ctx context.Context) (Stats, error)
	// Close flushes and closes the store.
	Close() error
}

// Appender is what fills a store from the log.
type Appender interface {
	// Append stores a batch. When it returns nil, the batch and its position
	// are durable. The position is never ahead of what is stored: after a crash in
	// mid-append a part of the batch may be there and its position not, and the same
	// batch again puts that right. A batch at or behind the stream's position is dropped
	// without an error, so an append may be repeated. It keeps nothing of the
	// batch's memory. What is of an erased wearer and from before the erasure is
	// dropped and counts as nothing.
	//
	// The position has the batch's Log. A batch of another one is refused with
	// ErrOtherLog, wherever it stands, and changes nothing: its sequences are not
	// those of the position. A batch that names no log leaves the position's as it
	// is. A position without one takes that of the next batch which names one, even
	// of a batch that is dropped.
	Append(ctx context.Context, batch Batch) (Appended, error)
	// Position is how far a stream was appended, the zero one for not at all.
	Position(ctx context.Context, stream string) (Position, error)
	// Rewind forgets a stream's position, with its log, which is the zero one from then
	// on, and keeps all that is stored. It is for a log that was replaced or damaged: the
	// stream is then read from its beginning. What comes again changes nothing,
	// once all of it has: readings count once by (device, boot, seq), marks once by
	// what they cover; rollups, findings, episodes and decisions replace themselves.
	Rewind(ctx context.Context, stream string) error
}

// Reader is what a wearer's day is read from. A range that ends before it starts,
// or at its start, has nothing in it.
type Reader interface {
	// Readings calls each for a wearer's readings and events of From <= time <
	// To, by time and then sequence. Each (device, boot, seq) comes once, also
	// where it came again with a time that is up to Repeats off; of such with other content one
	// counts, always the same, and it is the first that arrived where the store can tell. It is Late if a mark covers it, in
	// whatever order the two came. An error of each ends it and is returned.
	Readings(ctx context.Context, q Query, each func(Reading) error) error
	// Rollups are a wearer's minutes of From <= start of the minute < To, by
	// time. Of rollups of the same minute the last appended counts, unless it covers
	// less time than the one that is stored: sitting, standing, moving and not worn in
	// all, and where that is the same, upright and slouched. A detector that began in
	// mid-minute, or was overtaken and does not know it yet, must not undo a whole minute.
	Rollups(ctx context.Context, q Query) ([]schemas.Rollup, error)
	// Slots sums a wearer's rollups over steps of a length, whole minutes, from
	// From on, those that have any, by time: a day by the hour, a year by the day. A
	// length that is no whole minutes, or none, is an error.
	Slots(ctx context.Context, q Query, length time.Duration) ([]Slot, error)
	// Episodes are a wearer's episodes that overlap From to To, by start. One
	// that has no end counts from its start until OpenFor after its last
	// finding, or after its start if that is later.
	Episodes(ctx context.Context, q Query) ([]Episode, error)
	// Findings are what an organisation's episode was told by, by time, then ID;
	// of findings of the same ID the last appended counts. They are kept whole,
	// with their receipts. An unknown episode has none.
	Findings(ctx context.Context, org schemas.ID, episode string) ([]schemas.Finding, error)
	// Decisions are what was decided about a wearer's nudges in From <= time <
	// To, by time; the last appended of an ID counts.
	Decisions(ctx context.Context, q Query) ([]schemas.Decision, error)
}

// Offices is what an office's summary is made from and read from. Whoever shows an
// office needs Aggregates alone.
type Offices interface {
	// Totals sums the rollups of From <= start of the minute < To for each
	// wearer of an organisation who has any, by wearer. Query.Wearer is not used.
	Totals(ctx context.Context, q Query) ([]Totals, error)
	// PutAggregates stores aggregates, each in place of the one of the same
	// organisation, group, window and start, if there is one.
	PutAggregates(ctx context.Context, all []Aggregate) error
	// Aggregates are those of an organisation's windows of From <= start < To, by
	// start, then group.
	Aggregates(ctx context.Context, q OfficeQuery) ([]Aggregate, error)
}

// Keeper is what looks after what is kept.
type Keeper interface {
	// Wearers calls each for every wearer of whom something is stored, by organisation
	// and name, with the range of UTC days that it lies in, both ends midnight UTC. An error of each ends it
	// and is returned.
	Wearers(ctx context.Context, each func(Extent) error) error
	// Erase removes all of a wearer, and whatever the log brings of before a time is
	// dropped from then on, for good: choose a time that nothing lies behind which the
	// log may hold. When it returns nil, a query has shown that nothing is left, and
	// no file of the store holds a byte of it where the store has its files in its own hands.
	// A wearer of whom nothing is stored is no error. After an error it may be repeated.
	Erase(ctx context.Context, org, wearer schemas.ID, before time.Time) (Erased, error)
	// Retain removes what is older than r lets it be: of a class, all UTC days that
	// ended longer ago than that. Rollups, findings with their episodes, decisions and
	// aggregates are as old as their start, readings as their time. With one that is not
	// valid nothing is removed.
	Retain(ctx context.Context, r Retention, now time.Time) error
}

// ErrOtherLog says that a batch's sequence is of another log than the position.
var ErrOtherLog = errors.New("the batch is of another log than the one that is stored up to its position; rewind first")

// Position is how far a stream of the log is stored.
type Position struct {
	Seq uint64 // the highest log sequence that was appended, 0 for none
	// Log is the one that Seq counts in: it tells a stream from another of its name that
	// was made in its place. It is empty where it is not known.
	Log string
}

// Batch is what one append stores: everything of one stream up to Seq.
type Batch struct {
	Stream string // the log's stream, such as schemas.StreamReadings
	Log    string // the one that Seq counts in, as in Position; empty for not known
	Seq    uint64 // the last log sequence the batch covers

	Readings  []schemas.Batch
	Late      []schemas.Late
	Rollups   []schemas.Rollup
	Findings  []schemas.Finding
	Decisions []schemas.Decision
}

// Appended is what an append came to.
type Appended struct {
	// Duplicates are readings that were stored already, where the store can tell.
	Duplicates int
	// Erased are things of erased wearers, Refused those that the server behind the
	// store takes under no circumstances, and Expired readings that are older than it keeps.
	Erased, Refused, Expired int
}

// Rebuilt is what Replace puts in place: rollups and findings of one wearer,
// all of the range.
type Rebuilt struct {
	Rollups  []schemas.Rollup
	Findings []schemas.Finding
	// Was is the state of the range that the rest was made from; the zero one is any.
	Was State
}

// Query is a range of time of one wearer, or with no Wearer of a whole
// organisation where a method says so.
type Query struct {
	Org, Wearer schemas.ID
	From, To    time.Time
}

// Reading is a stored reading or event with the device it came from.
type Reading struct {
	Device schemas.ID
	Boot   uint32
	Late   bool // it came too late to be judged
	schemas.Item
}

// Episode is an episode as its findings tell it.
type Episode struct {
	ID      string          `json:"id"`
	Rule    schemas.Rule    `json:"rule"`
	Start   time.Time       `json:"start"`
	End     time.Time       `json:"end,omitzero"` // zero while it is open
	Level   int             `json:"level"`        // the highest it reached
	Outcome schemas.Outcome `json:"outcome,omitempty"`
	Seconds float64         `json:"seconds"`
	// FlexionDeg is the trunk flexion that tripped it, in degrees.
	FlexionDeg float64          `json:"flexion_deg,omitempty"`
	Severity   schemas.Severity `json:"severity,omitempty"` // the highest it had
	Cause      schemas.Cause    `json:"cause,omitempty"`
}

// Totals are a wearer's sums over a range of rollups; the units are those of
// schemas.Rollup.
type Totals struct {
	Wearer                             schemas.ID
	Minutes                            int // minutes with a rollup
	Sitting, Standing, Moving, NotWorn float64
	Upright, Slouched                  float64
	// FlexionSum is the mean flexion times the judged seconds of each minute, summed.
	FlexionSum float64
	Breaks     int
}

// Slot are a wearer's totals from Start on.
type Slot struct {
	Start time.Time
	Totals
}

// Stats counts a store's content.
type Stats struct {
	Readings   int64 `json:"readings"`
	Rollups    int64 `json:"rollups"`
	Episodes   int64 `json:"episodes"`
	Findings   int64 `json:"findings"`
	Decisions  int64 `json:"decisions"`
	Aggregates int64 `json:"aggregates"`
	// Duplicates counts readings that came again and were dropped, where the store can tell.
	Duplicates int64 `json:"duplicates"`
	Bytes      int64 `json:"bytes"` // on disk, 0 where the store cannot tell
}
