package influx

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// A journal's points hold what a replacement is about to do: the pieces of an entry,
// gzipped, as base64, and what they have to be as a whole. The tag is the number of the
// piece. A journal that is not whole was not written to its end, and then nothing has
// been removed yet.
const (
	fieldPiece = "piece"
	fieldSum   = "sum"    // SHA-256 of all pieces
	fieldCount = "pieces" // how many there are
	// maxPiece is well below what the server takes as a text.
	maxPiece = 256 << 10
	// maxEntry bounds what is unpacked: more than a year of minutes and findings.
	maxEntry = 1 << 30
)

// entry is a replacement that is to be done.
type entry struct {
	Org      schemas.ID        `json:"org"`
	Wearer   schemas.ID        `json:"wearer"`
	From     int64             `json:"from"` // milliseconds
	To       int64             `json:"to"`
	Judged   []byte            `json:"judged"` // schemas.Judged, of the rollups
	Findings []json.RawMessage `json:"findings"`
}

// newEntry fails on what cannot be written down. Of several rollups of a minute it has the last.
func newEntry(sc scope, with series.Rebuilt) (*entry, error) {
	e := &entry{Org: sc.org, Wearer: sc.wearer, From: sc.from, To: sc.to}
	last := map[int64]schemas.Rollup{}
	for i := range with.Rollups {
		last[with.Rollups[i].Minute] = with.Rollups[i]
	}
	judged := schemas.Judged{}
	for _, r := range last {
		judged.Rollups = append(judged.Rollups, r)
	}
	slices.SortFunc(judged.Rollups, func(x, y schemas.Rollup) int { return int(x.Minute - y.Minute) })
	var err error
	if e.Judged, err = judged.Encode(); err != nil {
		return nil, err
	}
	for i := range with.Findings {
		b, err := with.Findings[i].Encode()
		if err != nil {
			return nil, fmt.Errorf("finding %q: %w", with.Findings[i].ID, err)
		}
		e.Findings = append(e.Findings, b)
	}
	return e, nil
}

func (e *entry) scope() scope { return scope{e.Org, e.Wearer, e.From, e.To} }

// batch is what is put in place.
func (e *entry) batch() (b series.Batch, err error) {
	judged, err := schemas.DecodeJudged(e.Judged)
	if err != nil {
		return b, err
	}
	b.Rollups = judged.Rollups
	for _, text := range e.Findings {
		f, err := schemas.DecodeFinding(text)
		if err != nil {
			return b, err
		}
		b.Findings = append(b.Findings, f)
	}
	return b, nil
}

// pack is an entry as pieces.
func (e *entry) pack() ([]string, error) {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	if err := errors.Join(json.NewEncoder(zip).Encode(e), zip.Close()); err != nil {
		return nil, fmt.Errorf("pack the journal: %w", err)
	}
	text := base64.StdEncoding.EncodeToString(out.Bytes())
	var pieces []string
	for len(text) > maxPiece {
		pieces, text = append(pieces, text[:maxPiece]), text[maxPiece:]
	}
	return append(pieces, text), nil
}

func unpack(text string) (*entry, error) {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("unpack the journal: %w", err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack the journal: %w", err)
	}
	e := &entry{}
	if err := json.NewDecoder(io.LimitReader(zip, maxEntry)).Decode(e); err != nil {
		return nil, fmt.Errorf("unpack the journal: %w", err)
	}
	return e, nil
}

func sumOfText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// putJournal writes an entry down. The caller holds writes, and then settles.
func (s *Store) putJournal(ctx context.Context, e *entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	pieces, err := e.pack()
	if err != nil {
		return err
	}
	s.journal.Store(true) // whether it is written is not known before an answer
	return s.write(ctx, bucketState, journalOf(pieces).bytes())
}

// journalOf are the points of an entry's pieces.
func journalOf(pieces []string) *points {
	p := newPoints()
	for i, piece := range pieces {
		p.start(measJournal)
		p.tag(tagKey, fmt.Sprintf("%06d", i))
		p.int(fieldCount, int64(len(pieces)))
		p.text(fieldPiece, piece)
		p.text(fieldSum, sumOfText(strings.Join(pieces, "")))
		p.end(stateAt)
	}
	return p
}

// readJournal is what is to be done, nil for nothing. some says whether there is any journal.
func (s *Store) readJournal(ctx context.Context) (e *entry, some bool, err error) {
	type piece struct{ key, text, sum string }
	var pieces []piece
	count := int64(-1)
	f := new(flux).from(s.bucket(bucketState), stateAt, stateAt+1, measurement(measJournal)).pivot()
	if err := s.rows(ctx, f, func(r *row) error {
		pieces = append(pieces, piece{strings.Clone(r.text(tagKey)), strings.Clone(r.text(fieldPiece)), strings.Clone(r.text(fieldSum))})
		count = r.int(fieldCount)
		return nil
	}); err != nil || len(pieces) == 0 {
		return nil, false, err
	}
	slices.SortFunc(pieces, func(x, y piece) int { return strings.Compare(x.key, y.key) })
	var text strings.Builder
	for _, p := range pieces {
		text.WriteString(p.text)
	}
	if int64(len(pieces)) != count || sumOfText(text.String()) != pieces[0].sum {
		return nil, true, nil // of a write that did not come to its end
	}
	e, err = unpack(text.String())
	return e, true, err
}

// resume finishes what a process before left, if this one writes.
func (s *Store) resume(ctx context.Context) error {
	if s.o.Role != Record {
		return nil
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	s.journal.Store(true)
	return s.settle(ctx)
}

// settle does what the journal has, if it may have something. Whoever writes calls it
// first, holding writes: what it removes must not be newer than what it puts in place.
func (s *Store) settle(ctx context.Context) error {
	if !s.journal.Load() {
		return nil
	}
	if err := s.finish(ctx); err != nil {
		return fmt.Errorf("finish a replacement: %w", err)
	}
	s.journal.Store(false)
	return nil
}

// settled is settle for queries.
func (s *Store) settled(ctx context.Context) error {
	if !s.journal.Load() {
		return nil
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	return s.settle(ctx)
}

// finish keeps queries out from the first removal to the last write.
func (s *Store) finish(ctx context.Context) error {
	s.replaced.Lock()
	defer s.replaced.Unlock()
	e, some, err := s.readJournal(ctx)
	if err != nil || !some {
		return err
	}
	if e != nil {
		if err := s.do(ctx, e); err != nil {
			return err
		}
	}
	return s.remove(ctx, bucketState, span{stateAt, stateAt + 1}, equals(colMeasurement, measJournal))
}

// do removes and writes. It may be done again from its beginning.
func (s *Store) do(ctx context.Context, e *entry) error {
	b, err := e.batch()
	if err != nil {
		return err
	}
	sc := e.scope()
	from, to := sc.minutes()
	if err := s.remove(ctx, bucketRollups, span{from, to}, sc.predicate(measMinutes)); err != nil {
		return err
	}
	from, to = sc.nanos()
	if err := s.remove(ctx, bucketEvents, span{from, to}, sc.predicate(measFindings)); err != nil {
		return err
	}
	st, err := s.readState(ctx)
	if err != nil {
		return err
	}
	living, _ := st.living(&b) // of a wearer who was erased meanwhile nothing comes back
	defer s.lanes[0].reset()
	return s.lanes[0].take(ctx, &living, 0, 1)
}
