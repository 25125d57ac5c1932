package sqlite

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sitwell/internal/series"
)

// FileName is the file of a store's folder that its files of days hang on.
const FileName = "index.db"

const (
	officeName = "office.db"
	suffix     = ".db"
	suffixNew  = ".new" // of a file that is not whole yet
	suffixWAL  = "-wal"
	suffixSHM  = "-shm"

	dayMillis  = 24 * 60 * minute
	dayMinutes = 24 * 60
	maxDay     = maxMillis / dayMillis
)

// fileKey names a file of a store: the day since 1970, UTC, of a class that has days.
type fileKey struct {
	class series.Class
	day   int64
}

func (k fileKey) compare(o fileKey) int {
	return cmp.Or(cmp.Compare(k.class, o.class), cmp.Compare(k.day, o.day))
}

// name is the file's within the store's folder.
func (k fileKey) name() string {
	switch k.class {
	case classIndex:
		return FileName
	case classOld:
		return OldFileName
	case series.Office:
		return officeName
	case series.Raw, series.Rollups, series.Events:
	}
	return filepath.Join(string(k.class), dayStart(k.day).Format(time.DateOnly)+suffix)
}

// dayClasses are those with a file for each day.
func dayClasses() []series.Class { return []series.Class{series.Raw, series.Rollups, series.Events} }

// dayOf is the day that a time, in milliseconds, counts for: one that no store can
// hold is taken to the nearest that it can.
func dayOf(ms int64) int64 { return min(max(ms, 0), maxMillis) / dayMillis }

func dayStart(day int64) time.Time { return time.Unix(day*dayMillis/1000, 0).UTC() }

// parseDay is the day that a file's name tells.
func parseDay(name string) (day int64, ok bool) {
	name, ok = strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	at, err := time.Parse(time.DateOnly, name)
	if day = at.Unix() * 1000 / dayMillis; err != nil || day < 0 || day > maxDay {
		return 0, false
	}
	return day, true
}

// fewDays is how many files are asked for by name: more are looked up in the folder.
const fewDays = 4

// days are the days from first to last, both included, of which a class has a file, in
// order. They are read from the disk: another process may have made or removed one.
func (s *Store) days(class series.Class, first, last int64) ([]int64, error) {
	if err := s.pool.usable(); err != nil {
		return nil, err
	}
	first, last = max(first, 0), min(last, maxDay)
	var days []int64
	if last-first < fewDays {
		for day := first; day <= last; day++ {
			_, err := os.Stat(s.pathOf(fileKey{class, day}))
			if err == nil {
				days = append(days, day)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		return days, nil
	}
	folder, err := os.Open(filepath.Join(s.dir, string(class)))
	if err != nil {
		return nil, err
	}
	defer folder.Close() //nolint:errcheck // it is only read
	names, err := folder.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if day, ok := parseDay(name); ok && first <= day && day <= last {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

// exists reports whether a file is there.
func (s *Store) exists(key fileKey) bool {
	_, err := os.Stat(s.pathOf(key))
	return err == nil
}

// everyDay is days of all that a class has.
func (s *Store) everyDay(class series.Class) ([]int64, error) { return s.days(class, 0, maxDay) }

func (s *Store) pathOf(k fileKey) string { return filepath.Join(s.dir, k.name()) }
