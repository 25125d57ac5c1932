package influx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Role is what a Store is opened for: what its token has to allow.
type Role string

// The roles.
const (
	// Record appends, replaces, erases and retains: it reads and writes all buckets.
	Record Role = "record"
	// Dashboard reads the wearers' buckets, raw, rollups and events, and no other.
	Dashboard Role = "dashboard"
	// Office reads the aggregates and nothing else.
	Office Role = "office"
)

// Roles are all of them.
func Roles() []Role { return []Role{Record, Dashboard, Office} }

// The defaults of Options.
const (
	DefaultPrefix    = "sitwell"
	DefaultMaxSeries = 100_000
)

// Options say which server, and as whom.
type Options struct {
	URL string // such as http://127.0.0.1:8086
	Org string // InfluxDB's organisation, which has nothing to do with those of wearers
	// Token gives the token, without a word before it. It is asked for each request, so
	// that a new one counts without a restart: let it read a file.
	Token func() (string, error)
	// Prefix begins the names of the buckets, DefaultPrefix if empty.
	Prefix string
	// Role is Record if empty.
	Role Role
	// Retention is what the buckets are given; nil leaves them as they are, and makes
	// those that are missing for good.
	Retention series.Retention
	// Shorten lets Retention shorten what a bucket has, and the server then removes what is
	// older. Without it what is longer stays, with a warning.
	Shorten bool
	// MustExist makes a missing bucket an error where it would be made.
	MustExist bool
	// MaxSeries is how many wearers and devices the store may have in all,
	// DefaultMaxSeries if 0. What is of new ones above it is refused.
	MaxSeries int
	Logger    *slog.Logger
	operator  bool // Setup opens it, and so errors do not send to Setup
	// Refuse takes what the server takes under no circumstances. What it keeps, it
	// must have kept when it returns nil: an error fails the append, which may then be
	// repeated. Nil counts and logs it.
	Refuse func(context.Context, Refused) error
}

// Validate fills in what is left out and reports what is missing or wrong.
func (o *Options) Validate() error {
	var errs []error
	u, err := url.Parse(o.URL)
	switch {
	case o.URL == "":
		errs = append(errs, errors.New("the URL of InfluxDB is missing; give one such as http://127.0.0.1:8086"))
	case err != nil:
		errs = append(errs, errors.New("the URL of InfluxDB is no URL; give one such as http://127.0.0.1:8086"))
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		errs = append(errs, fmt.Errorf("the URL of InfluxDB is %q; give one such as http://127.0.0.1:8086, without a password or a query", u.Redacted()))
	}
	if o.Org == "" {
		errs = append(errs, errors.New("the organisation of InfluxDB is missing"))
	}
	if o.Token == nil || o.Logger == nil {
		errs = append(errs, errors.New("the store on InfluxDB needs a token and a logger"))
	}
	if o.Prefix == "" {
		o.Prefix = DefaultPrefix
	}
	if _, err := schemas.ParseID(o.Prefix); err != nil {
		errs = append(errs, fmt.Errorf("prefix of buckets: %w", err))
	}
	if o.Retention != nil {
		errs = append(errs, o.Retention.Validate())
	}
	if o.Role == "" {
		o.Role = Record
	}
	if o.Role != Record && o.Role != Dashboard && o.Role != Office {
		errs = append(errs, fmt.Errorf("role %q is none of %v", o.Role, Roles()))
	}
	if o.MaxSeries == 0 {
		o.MaxSeries = DefaultMaxSeries
	}
	if o.MaxSeries < 0 {
		errs = append(errs, fmt.Errorf("%d series: give at least 1", o.MaxSeries))
	}
	return errors.Join(errs...)
}

// StaticToken is a token that never changes, for Options.Token.
func StaticToken(token string) func() (string, error) {
	return func() (string, error) { return token, nil }
}
