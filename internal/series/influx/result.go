package influx

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// query asks the server and hands over each row of the answer as it comes; an error of
// each ends it. It does not run while something is being replaced or erased: what it
// gives is of before or after.
func (s *Store) query(ctx context.Context, f *flux, each func(*row) error) error {
	if err := s.settled(ctx); err != nil {
		return err
	}
	s.replaced.RLock()
	defer s.replaced.RUnlock()
	return s.rows(ctx, f, each)
}

// rows is query for whoever replaces and erases.
func (s *Store) rows(ctx context.Context, f *flux, each func(*row) error) error {
	if s.closed.Load() {
		return errClosed
	}
	body, err := json.Marshal(map[string]any{
		"type": "flux", "query": f.String(),
		"dialect": map[string]any{"header": true, "delimiter": ",", "annotations": []string{"datatype"}},
	})
	if err != nil {
		return err
	}
	service := s.client.HTTPService()
	target := service.ServerAPIURL() + "query?" + url.Values{"org": {s.o.Org}}.Encode()
	var failed error
	e := service.DoPostRequest(ctx, target, bytes.NewReader(body),
		func(r *http.Request) {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept-Encoding", "identity") // packing a day of readings takes the server longer than reading it
		},
		func(res *http.Response) error {
			failed = errors.Join(readRows(res.Body, each), res.Body.Close())
			return nil
		})
	if e != nil {
		failed = complaint(e)
	}
	if failed != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return failed
}

// row is a row of an answer; it is valid until the next one. Its columns are found by
// name. The first that is not as it should be is err.
type row struct {
	names  map[string]int
	fields []string
	err    error
}

// text is a column's text, "" where it is empty or not there.
func (r *row) text(column string) string {
	i, ok := r.names[column]
	if !ok || i >= len(r.fields) {
		return ""
	}
	return r.fields[i]
}

// has reports whether none of these columns is empty.
func (r *row) has(columns ...string) bool {
	for _, c := range columns {
		if r.text(c) == "" {
			return false
		}
	}
	return true
}

// int is a column's whole number.
func (r *row) int(column string) int64 {
	n, err := strconv.ParseInt(r.text(column), 10, 64)
	r.fail(column, err)
	return n
}

func (r *row) float(column string) float64 {
	v, err := strconv.ParseFloat(r.text(column), 64)
	r.fail(column, err)
	return v
}

func (r *row) bool(column string) bool { return r.text(column) == "true" }

// time is a column's time in nanoseconds.
func (r *row) time(column string) int64 {
	n, err := parseTime(r.text(column))
	r.fail(column, err)
	return n
}

func (r *row) fail(column string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("read column %s of InfluxDB's answer: %w", column, err)
	}
}

// readRows reads an answer: tables in annotated CSV, each kind of them behind the types
// of its columns and their names.
// https://docs.influxdata.com/influxdb/v2/reference/syntax/annotated-csv/
func readRows(from io.Reader, each func(*row) error) error {
	in := csv.NewReader(from)
	in.FieldsPerRecord, in.ReuseRecord = -1, true
	r, header := row{names: map[string]int{}}, true
	for {
		record, err := in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read InfluxDB's answer: %w", err)
		case len(record) > 0 && record[0] == "#datatype":
			header = true
			continue
		case header:
			clear(r.names)
			for i, name := range record {
				r.names[name] = i
			}
			header = false
			continue
		}
		r.fields = record
		if _, ok := r.names["error"]; ok && len(r.names) <= 3 {
			return fmt.Errorf("InfluxDB ended its answer: %s", clip(r.text("error")))
		}
		if err := each(&r); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
}

// parseTime reads a time as the server writes it, 2006-01-02T15:04:05.999999999Z, in
// nanoseconds. The standard library's way takes most of the time of a day of readings.
func parseTime(s string) (int64, error) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[len(s)-1] != 'Z' || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' {
		return 0, fmt.Errorf("%q is no time", clip(s))
	}
	n := number{ok: true}
	year, month, day := n.of(s[:4]), n.of(s[5:7]), n.of(s[8:10])
	hour, minute, second := n.of(s[11:13]), n.of(s[14:16]), n.of(s[17:19])
	below := int64(0)
	if rest := s[19 : len(s)-1]; rest != "" {
		digits := rest[1:]
		if rest[0] != '.' || digits == "" || len(digits) > 9 {
			n.ok = false
		}
		below = n.of(digits)
		for range 9 - len(digits) {
			below *= 10
		}
	}
	if !n.ok || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59 {
		return 0, fmt.Errorf("%q is no time", clip(s))
	}
	return ((days(year, month, day)*24+hour)*60+minute)*int64(time.Minute) + second*int64(time.Second) + below, nil
}

// number reads digits; ok ends with what is none.
type number struct{ ok bool }

func (n *number) of(s string) (v int64) {
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			n.ok = false
		}
		v = v*10 + int64(c-'0')
	}
	return v
}

// days is how many lie between 1970-01-01 and a date, by counting years from March on,
// so that the leap day is the last.
func days(year, month, day int64) int64 {
	month -= 3
	if month < 0 {
		month, year = month+12, year-1
	}
	era := year / 400
	ofEra := year - era*400
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + (153*month+2)/5 + day - 1 - 719468
}
