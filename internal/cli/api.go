package cli

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

	"github.com/spf13/pflag"

	"sitwell/schemas"
)

// webClient is how commands reach the API of a running sitwell.
type webClient struct {
	url  string
	json bool
}

func (c *webClient) register(f *pflag.FlagSet) {
	f.StringVar(&c.url, "api", "http://127.0.0.1:8080", "address of the running sitwell's page")
	f.BoolVar(&c.json, "json", false, "print JSON")
}

// maxAnswer bounds what is read of one answer: a backtest of a month is a hundredth
// of it.
const maxAnswer = 64 << 20

// unknownError says in the API's words that there is nothing at an address, or that one
// may not see it.
type unknownError struct{ words string }

func (e unknownError) Error() string { return e.words }

// ask gets an answer of the API that is not larger than maxAnswer.
func (c *webClient) ask(ctx context.Context, path string, query url.Values, read func(io.Reader) error) error {
	return c.answer(ctx, path, query, func(resp *http.Response) error { return read(io.LimitReader(resp.Body, maxAnswer)) })
}

// answer gets an answer of the API. What it refuses is the error, in its words.
func (c *webClient) answer(ctx context.Context, path string, query url.Values, read func(*http.Response) error) error {
	base := strings.TrimRight(c.url, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	address := base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return usage(fmt.Errorf("--api: %w", err))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("no sitwell answers at %s: %w; start it with `sitwell serve`, or give its address with --api", base, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		return read(resp)
	}
	var refusal struct {
		Error struct{ Code, Message string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&refusal); err != nil || refusal.Error.Message == "" {
		return fmt.Errorf("%s answered %s, which is no answer of sitwell", base, resp.Status)
	}
	switch resp.StatusCode {
	case http.StatusNotFound:
		return unknownError{refusal.Error.Message}
	case http.StatusBadRequest:
		return usage(errors.New(refusal.Error.Message))
	}
	return errors.New(refusal.Error.Message)
}

// get reads an answer of one JSON value.
func (c *webClient) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c.ask(ctx, path, nil, func(in io.Reader) error {
		if err := json.NewDecoder(in).Decode(into); err != nil {
			return fmt.Errorf("read the answer about %s: %w", path, err)
		}
		return nil
	})
}

// eachLine calls each for the lines of an answer.
func eachLine(in io.Reader, each func([]byte) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, maxAnswer)
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

// wearerOf finds a wearer whom a command line names, with the time zone; an
// organisation that is not named is the only one.
func (c *webClient) wearerOf(ctx context.Context, org, wearer string) (path string, zone *time.Location, err error) {
	all, err := ids(wearer)
	if err != nil {
		return "", nil, err
	}
	var orgs struct {
		Orgs []struct{ ID schemas.ID } `json:"orgs"`
	}
	if org == "" {
		if err := c.get(ctx, "/api/v1/orgs", &orgs); err != nil {
			return "", nil, err
		}
		var names []schemas.ID
		for _, o := range orgs.Orgs {
			names = append(names, o.ID)
		}
		if org, err = theOnly(names); err != nil {
			return "", nil, err
		}
	}
	if _, err := ids(org); err != nil {
		return "", nil, err
	}
	path = "/api/v1/orgs/" + org + "/wearers"
	var wearers struct {
		Wearers []struct {
			ID   schemas.ID
			Zone string
		} `json:"wearers"`
	}
	if err := c.get(ctx, path, &wearers); err != nil {
		return "", nil, err
	}
	for _, w := range wearers.Wearers {
		if w.ID == all[0] {
			return path + "/" + w.ID.String(), zoneOf(w.Zone), nil
		}
	}
	return "", nil, fmt.Errorf("there is no wearer %s in %s; `sitwell wearer list %s` shows those there are", wearer, org, org)
}

// theOnly is the organisation that is meant where none is named.
func theOnly(orgs []schemas.ID) (string, error) {
	switch len(orgs) {
	case 0:
		return "", errors.New("there is no organisation yet; `sitwell org add` adds one")
	case 1:
		return orgs[0].String(), nil
	}
	names := make([]string, len(orgs))
	for i, o := range orgs {
		names[i] = o.String()
	}
	return "", usage(fmt.Errorf("say with --org which organisation is meant: %s", strings.Join(names, ", ")))
}

// zoneOf is a time zone, UTC where this machine does not know it.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}
