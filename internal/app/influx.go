package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sitwell/internal/series"
	"sitwell/internal/series/influx"
	"sitwell/schemas"
)

// InfluxOptions say which InfluxDB 2 holds the time series; without a URL they are in
// the data folder.
type InfluxOptions struct {
	URL string // such as http://127.0.0.1:8086
	Org string // InfluxDB's organisation
	// TokenFile has the token, or is a folder with files named record, dashboard and
	// office, a token in each that may do no more than the role needs. It is read again
	// for each request: a new token counts without a restart.
	TokenFile string
	Prefix    string // begins the names of the buckets
}

// remote reports whether the time series are in InfluxDB.
func (o *Options) remote() bool { return o.Influx.URL != "" }

// seriesUsable checks where the time series are to be.
func (o *Options) seriesUsable() error {
	var errs []error
	if o.Retention != nil {
		errs = append(errs, o.Retention.Validate())
	}
	switch {
	case !o.remote() && o.Influx.TokenFile != "":
		errs = append(errs, errors.New("influx-token-file: it is for InfluxDB, whose address is missing: give it with --influx, such as --influx http://127.0.0.1:8086"))
	case !o.remote():
	case o.Influx.TokenFile == "" && o.has(Record, Dashboard):
		errs = append(errs, errors.New("influx-token-file: name the file with the token of InfluxDB, or the folder with one for each role; `sitwell series setup` makes them"))
	default:
		influxOptions := o.influx(influx.Record, nil)
		if err := influxOptions.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("influx: %w", err))
		}
	}
	return errors.Join(errs...)
}

// influx are the options of the store on InfluxDB.
func (o *Options) influx(role influx.Role, refuse func(context.Context, influx.Refused) error) influx.Options {
	with := influx.Options{
		URL: o.Influx.URL, Org: o.Influx.Org, Prefix: o.Influx.Prefix, Role: role, Logger: o.Logger, Refuse: refuse,
		Token: func() (string, error) { return ReadToken(o.Influx.TokenFile, string(role)) },
	}
	if role == influx.Record {
		with.Retention, with.Shorten = o.retention(), o.Shorten
	}
	return with
}

// operator is who has the token that SetupInflux takes.
const operator = "operator"

// ReadToken reads a token from a file, or from a role's file in a folder.
func ReadToken(path, role string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, role)
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && role == operator {
		return "", fmt.Errorf("there is no %s; %s: %w", path, influx.NeedsOperator, err)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no %s, which should have the token of InfluxDB for %s; `sitwell series setup` makes one: %w", path, role, err)
	}
	if err != nil {
		return "", fmt.Errorf("read the token of InfluxDB for %s: %w", role, err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, "\r\n") {
		return "", fmt.Errorf("read the token of InfluxDB for %s: %s should hold one line, the token", role, path)
	}
	return token, nil
}

// openInflux opens the store on InfluxDB for a role.
func (a *App) openInflux(role influx.Role) *late {
	var refuse func(context.Context, influx.Refused) error
	if role == influx.Record {
		refuse = a.quarantine
	}
	return newLate(func(ctx context.Context) (series.Store, error) {
		s, err := influx.Open(ctx, a.o.influx(role, refuse))
		if err != nil {
			return nil, err
		}
		return s, nil
	})
}

// permanent reports whether trying again would not help: somebody has to do what the
// error says. A server that is away or busy comes back.
func permanent(err error) bool {
	var answered *influx.Error
	switch {
	case errors.Is(err, influx.ErrToken), errors.Is(err, influx.ErrRight), errors.Is(err, influx.ErrMissing):
		return true
	case errors.As(err, &answered):
		return answered.Status >= 300 && answered.Status < 500 && answered.Status != 429 && answered.Status != 408
	}
	return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// quarantine keeps what InfluxDB takes under no circumstances, where the devices' own
// faults are kept, too.
func (a *App) quarantine(ctx context.Context, r influx.Refused) error {
	q := refused(r)
	data, err := q.Encode()
	if err == nil {
		err = a.bus.Publish(ctx, schemas.QuarantineSubject(q.Reason), data, "")
	}
	if err != nil {
		return fmt.Errorf("quarantine what InfluxDB refused: %w", err)
	}
	return nil
}
