package export

import (
	"archive/zip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sitwell/internal/series"
)

// CSV writes a wearer's record as a zip of tables. progress, which may be nil, is told how
// many of the days are done, from 0 on, each once for each table. An error of w ends it.
func CSV(ctx context.Context, w io.Writer, s series.Reader, e series.Extent, progress func(done, all int)) error {
	z := zip.NewWriter(w)
	all := tables()
	r := newRecord(s, e, len(all), progress)
	for _, t := range all {
		if err := t.write(ctx, z, r); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("export %s/%s: %w", e.Org, e.Wearer, err)
	}
	return nil
}

// table is a file of the zip: what it is called, its columns, and its rows of a day.
type table struct {
	name    string
	columns []string
	day     func(ctx context.Context, r *record, q series.Query, row func(...string) error) error
}

func (t *table) write(ctx context.Context, z *zip.Writer, r *record) error {
	// The time is the record's end and not now, so that the same record gives the same bytes.
	f, err := z.CreateHeader(&zip.FileHeader{Name: r.Wearer.String() + "/" + t.name + ".csv", Method: zip.Deflate, Modified: modified(r.To)})
	if err != nil {
		return fmt.Errorf("export %s/%s: %w", r.Org, r.Wearer, err)
	}
	rows := csv.NewWriter(f)
	row := func(cells ...string) error { return rows.Write(cells) }
	if err := row(t.columns...); err != nil {
		return err
	}
	if err := r.eachDay(ctx, func(q series.Query) error {
		if err := t.day(ctx, r, q, row); err != nil {
			return err
		}
		rows.Flush()
		return rows.Error()
	}); err != nil {
		return err
	}
	rows.Flush()
	return rows.Error()
}

// modified is the time of a file in the zip, to the second, as a zip can tell it. Its earliest
// is 1980: a record that has no end, of whom nothing is stored, has that.
func modified(end time.Time) time.Time {
	least := time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)
	if end.Before(least) {
		return least
	}
	return end.UTC().Truncate(time.Second)
}

// cell is a text that no spreadsheet takes for a formula.
func cell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func number[T int | uint32 | uint64](n T) string { return fmt.Sprint(n) }

func float(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func float32s(f float32) string { return strconv.FormatFloat(float64(f), 'f', -1, 32) }
