package replay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// api asks a running sitwell about wearers.
type api struct {
	base   string
	org    schemas.ID
	client *http.Client
}

// nudge is a nudge as the API gives it.
type nudge struct {
	Episode string         `json:"episode"`
	Rule    schemas.Rule   `json:"rule"`
	Level   int            `json:"level"`
	Time    time.Time      `json:"time"`
	Status  schemas.Action `json:"status"`
	HeldBy  string         `json:"held_by"`
	Why     string         `json:"why"`
}

// errBusy says that the API asked to come back in a moment.
var errBusy = errors.New("the API is busy")

// maxAnswer bounds what is read of one answer: an hour at 10 Hz is a tenth of it.
const maxAnswer = 256 << 20

func newAPI(base string, org schemas.ID, client *http.Client) *api {
	return &api{base: strings.TrimRight(base, "/"), org: org, client: client}
}

// ask gets an answer about a wearer from from to to and passes it to read.
func (a *api) ask(ctx context.Context, wearer schemas.ID, what string, from, to time.Time, read func(io.Reader) error) error {
	query := url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}, "to": {to.UTC().Format(time.RFC3339Nano)}}
	address := fmt.Sprintf("%s/api/v1/orgs/%s/wearers/%s/%s?%s", a.base, a.org, wearer, what, query.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", what, err)
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask for %s of %s: %w; is sitwell running there?", what, wearer, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := io.LimitReader(resp.Body, maxAnswer)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusServiceUnavailable:
		return fmt.Errorf("ask for %s of %s: %w", what, wearer, errBusy)
	default:
		text, _ := io.ReadAll(io.LimitReader(body, 1000))
		return fmt.Errorf("ask for %s of %s: %s: %s", what, wearer, resp.Status, strings.TrimSpace(string(text)))
	}
	if err := read(body); err != nil {
		return fmt.Errorf("read %s of %s: %w", what, wearer, err)
	}
	return nil
}

func (a *api) rollups(ctx context.Context, wearer schemas.ID, from, to time.Time) ([]schemas.Rollup, error) {
	var answer struct {
		Rollups []schemas.Rollup `json:"rollups"`
	}
	err := a.ask(ctx, wearer, "rollups", from, to, func(in io.Reader) error { return json.NewDecoder(in).Decode(&answer) })
	return answer.Rollups, err
}

func (a *api) episodes(ctx context.Context, wearer schemas.ID, from, to time.Time) ([]series.Episode, error) {
	var answer struct {
		Episodes []series.Episode `json:"episodes"`
	}
	err := a.ask(ctx, wearer, "episodes", from, to, func(in io.Reader) error { return json.NewDecoder(in).Decode(&answer) })
	return answer.Episodes, err
}

func (a *api) nudges(ctx context.Context, wearer schemas.ID, from, to time.Time) ([]nudge, error) {
	var answer struct {
		Nudges []nudge `json:"nudges"`
	}
	err := a.ask(ctx, wearer, "nudges", from, to, func(in io.Reader) error { return json.NewDecoder(in).Decode(&answer) })
	return answer.Nudges, err
}

// stored reports whether a reading of a boot is in the store.
func (a *api) stored(ctx context.Context, wearer schemas.ID, boot uint32, last *schemas.Item) (bool, error) {
	found := false
	at := last.At()
	err := a.ask(ctx, wearer, "readings", at, at.Add(time.Millisecond), func(in io.Reader) error {
		return lines(in, func(b []byte) error {
			var r struct {
				Boot uint32 `json:"boot"`
				Seq  uint64 `json:"seq"`
			}
			err := json.Unmarshal(b, &r)
			found = found || err == nil && r.Boot == boot && r.Seq == last.Seq
			return err
		})
	})
	return found, err
}

// postures calls each for what the engine sees in each reading.
func (a *api) postures(ctx context.Context, wearer schemas.ID, from, to time.Time, each func(*detect.Posture) error) error {
	return a.ask(ctx, wearer, "postures", from, to, func(in io.Reader) error {
		return lines(in, func(b []byte) error {
			var p detect.Posture
			if err := json.Unmarshal(b, &p); err != nil {
				return err
			}
			return each(&p)
		})
	})
}

func lines(in io.Reader, each func([]byte) error) error {
	s := bufio.NewScanner(in)
	for s.Scan() {
		if len(s.Bytes()) == 0 {
			continue
		}
		if err := each(s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}
