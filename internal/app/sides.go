package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"sitwell/internal/series"
	"sitwell/internal/series/influx"
	"sitwell/internal/series/sqlite"
)

// Side says where time series are: in a folder, or with Influx.URL in InfluxDB.
type Side struct {
	Folder string // a data folder, or the store's own folder
	Influx InfluxOptions
}

func (s Side) String() string {
	if s.Influx.URL != "" {
		return "InfluxDB at " + s.Influx.URL
	}
	return s.Folder
}

// storeFolder is the store's folder within a data folder.
const storeFolder = "series"

// OpenSide opens the store of a side for reading and writing. Where there is none yet, it
// is made, or is an error if it must be there.
func OpenSide(ctx context.Context, s Side, mustExist bool, log *slog.Logger) (series.Store, error) {
	if s.Influx.URL != "" {
		if _, err := ReadToken(s.Influx.TokenFile, string(influx.Record)); err != nil {
			return nil, err
		}
		o := Options{Influx: s.Influx, Logger: log}
		with := o.influx(influx.Record, nil)
		with.Retention = nil // it is the server's, or of whoever runs on it
		with.MustExist = mustExist
		store, err := influx.Open(ctx, with)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	folder := s.Folder
	if filepath.Base(filepath.Clean(folder)) != storeFolder {
		folder = filepath.Join(folder, storeFolder)
	}
	if _, err := os.Stat(folder); mustExist && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no time series: there is no %s", s.Folder, folder)
	}
	store, err := sqlite.Open(folder, log)
	if err != nil {
		return nil, err
	}
	return store, nil
}

// SetupInflux makes the buckets in InfluxDB and a token for each role, by an operator's
// token, and writes each into a file of a new folder that its owner alone may read. A
// retention that is given counts even where buckets keep longer; nil for the default does not.
func SetupInflux(ctx context.Context, o InfluxOptions, keep series.Retention, folder string, log *slog.Logger) (files []string, err error) {
	if _, err := ReadToken(o.TokenFile, operator); err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%s is there already; name a new folder for the tokens", folder)
		}
		return nil, fmt.Errorf("make the folder of the tokens: %w", err)
	}
	tokens, err := influx.Setup(ctx, influx.SetupOptions{
		URL: o.URL, Org: o.Org, Prefix: o.Prefix, Retention: keep, Shorten: keep != nil, Logger: log,
		Token: func() (string, error) { return ReadToken(o.TokenFile, operator) },
	})
	if err != nil {
		return nil, errors.Join(err, os.Remove(folder))
	}
	for _, role := range influx.Roles() {
		file := filepath.Join(folder, string(role))
		if err := os.WriteFile(file, []byte(tokens[role]+"\n"), 0o600); err != nil {
			return files, fmt.Errorf("write token: %w", err)
		}
		files = append(files, file)
	}
	return files, nil
}

// HasTokens reports whether a folder has what SetupInflux writes, whole.
func HasTokens(folder string) bool {
	for _, role := range influx.Roles() {
		if _, err := ReadToken(folder, string(role)); err != nil {
			return false
		}
	}
	return true
}
