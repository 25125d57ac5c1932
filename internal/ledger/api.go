package ledger

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Source gives back what sitwell has of one wearer, of a range of time.
type Source interface {
	// Readings calls each for every stored reading and event; an error of each
	// ends it and is returned. One that is stored twice comes twice.
	Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error
	// Episodes are those that overlap the range.
	Episodes(ctx context.Context, q series.Query) ([]series.Episode, error)
	// Minutes are the rollups of the minutes that begin in the range.
	Minutes(ctx context.Context, q series.Query) ([]schemas.Rollup, error)
	// Nudges are those that were decided about findings of the range.
	Nudges(ctx context.Context, q series.Query) ([]Nudge, error)
}

// Nudge is what is recorded of a nudge.
type Nudge struct {
	ID      string         `json:"id"`
	Episode string         `json:"episode"`
	Rule    schemas.Rule   `json:"rule"`
	Level   int            `json:"level"`
	Status  schemas.Action `json:"status"`
}

// API is a Source that asks the HTTP API of a running sitwell.
func API(address string) Source {
	return &api{base: strings.TrimRight(address, "/"), client: &http.Client{Timeout: askLimit}}
}

const (
	askLimit = 2 * time.Minute        // for one answer
	askAgain = 250 * time.Millisecond // where the API is busy
	// longestSpan is less than what the API gives at once.
	longestSpan = 30 * 24 * time.Hour
	maxError    = 1000 // bytes of an error that are shown
	maxLine     = 1 << 20
)

// errBusy says that the API asked to come back in a moment.
var errBusy = errors.New("the API is busy")

type api struct {
	base   string
	client *http.Client
}

var _ Source = (*api)(nil)

// Readings asks for as much as the API gives at once, again and again.
func (a *api) Readings(ctx context.Context, q series.Query, each func(series.Reading) error) error {
	for from := q.From; from.Before(q.To); from = from.Add(longestSpan) {
		part := q
		part.From = from
		if to := from.Add(longestSpan); to.Before(q.To) {
			part.To = to
		}
		// An answer that breaks off would be given twice if it were asked for again,
		// so it is an error.
		err := a.ask(ctx, part, "readings", func(in io.Reader) error { return lines(in, each) })
		if err != nil {
			return err
		}
	}
	return nil
}

// Episodes asks for the episodes.
func (a *api) Episodes(ctx context.Context, q series.Query) ([]series.Episode, error) {
	var answer struct{ Episodes []series.Episode }
	err := a.ask(ctx, q, "episodes", func(in io.Reader) error { return json.NewDecoder(in).Decode(&answer) })
	return answer.Episodes, err
}

// Minutes asks for the rollups.
func (a *api) Minutes(ctx context.Context, q series.Query) ([]schemas.Rollup, error) {
	var answer struct{ Rollups []schemas.Rollup }
	err := a.ask(ctx, q, "rollups", func(in io.Reader) error { return json.NewDecoder(in).Decode(&answer) })
	return answer.Rollups, err
}

// Nudges asks for the nudges.
func (a *api) Nudges(ctx context.Context, q series.Query) ([]Nudge, error) {
	var answer struct{ Nudges []Nudge }
	err := a.ask(ctx, q, "nudges", func(in io.Reader) error { return json.NewDecoder(in).Decode(&answer) })
	return answer.Nudges, err
}

// ask gets an answer and passes it to read. An API that is busy is asked again
// until ctx ends.
func (a *api) ask(ctx context.Context, q series.Query, what string, read func(io.Reader) error) error {
	for {
		err := a.once(ctx, q, what, read)
		if !errors.Is(err, errBusy) {
			return err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return err
		}
	}
}

func (a *api) once(ctx context.Context, q series.Query, what string, read func(io.Reader) error) error {
	query := url.Values{"from": {q.From.UTC().Format(time.RFC3339Nano)}, "to": {q.To.UTC().Format(time.RFC3339Nano)}}
	address := fmt.Sprintf("%s/api/v1/orgs/%s/wearers/%s/%s?%s", a.base, q.Org, q.Wearer, what, query.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", what, err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for %s of %s: %w; is sitwell running there?", what, q.Wearer, err)
	}
	defer func() { _ = resp.Body.Close() }()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		return fmt.Errorf("ask for %s of %s: %w", what, q.Wearer, errBusy)
	default:
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxError)) // what there is of it helps
		return fmt.Errorf("ask for %s of %s: %s: %s", what, q.Wearer, resp.Status, strings.TrimSpace(string(text)))
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("read %s of %s: %w", what, q.Wearer, err)
	}
	return nil
}

func lines(in io.Reader, each func(series.Reading) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if len(s.Bytes()) == 0 {
			continue
		}
		r, err := parse(s.Bytes())
		if err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return s.Err()
}

// parse reads one line of the API, which gives a reading as its device sent it,
// through the decoder of what devices send.
func parse(line []byte) (series.Reading, error) {
	var head struct {
		Device schemas.ID      `json:"device"`
		Boot   uint32          `json:"boot"`
		Seq    uint64          `json:"seq"`
		Time   time.Time       `json:"time"`
		Late   bool            `json:"late"`
		Event  json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return series.Reading{}, fmt.Errorf("%s: %w", line, err)
	}
	kind, raw := schemas.KindReadings, line
	if head.Event != nil {
		kind = schemas.KindEvents
		raw = fmt.Appendf(nil, `{"seq":%d,"time":%q,`, head.Seq, head.Time.Format(time.RFC3339Nano))
		raw = append(raw, bytes.TrimPrefix(head.Event, []byte("{"))...)
	}
	msg := &schemas.Message{Boot: head.Boot, Sent: head.Time.UnixMilli()}
	m, err := schemas.Decode(kind, schemas.Envelope(kind, msg, [][]byte{raw}), head.Time)
	switch {
	case err != nil:
		return series.Reading{}, fmt.Errorf("%s: %w", line, err)
	case len(m.Rejects) > 0:
		return series.Reading{}, fmt.Errorf("%s: %s", line, m.Rejects[0].Detail)
	case len(m.Items) != 1:
		return series.Reading{}, fmt.Errorf("%s: %d readings in one line", line, len(m.Items))
	}
	return series.Reading{Device: head.Device, Boot: head.Boot, Late: head.Late, Item: m.Items[0]}, nil
}
