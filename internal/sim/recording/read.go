package recording

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRows bounds a recording: ten hours at 10 Hz.
const maxRows = 360_000

// ErrFormat says that a file is no recording of a known kind; the error that
// wraps it names the line.
var ErrFormat = errors.New("not a recording that can be replayed")

// format is how one kind of file is read.
type format struct {
	kind    Kind
	header  []string
	at      int    // column of the time in seconds
	acc     [3]int // columns of x, y and z
	signs   [3]float64
	motion  int // column of the motion in g, or -1
	label   int // column of the label
	labels  int // the highest label
	prepare func(*Recording) error
}

// formats lists the headers that are known. In the sternum files, lying on the
// back reads +1 g on the frontal axis, so that axis points to the front.
var formats = []format{
	{
		kind: Chest, header: []string{"t_s", "ax_g", "ay_g", "az_g", "sd_g", "label"},
		acc: [3]int{1, 2, 3}, signs: [3]float64{1, 1, 1}, motion: 4, label: 5, labels: 7, prepare: prepareChest,
	},
	{
		kind:   Sternum,
		header: []string{"t_s", "frontal_g", "vertical_g", "lateral_g", "antenna", "rssi_dbm", "phase_rad", "freq_mhz", "label"},
		acc:    [3]int{3, 2, 1}, signs: [3]float64{1, 1, -1}, motion: -1, label: 8, labels: 4, prepare: prepareSternum,
	},
}

// Open reads a recording from a file.
func Open(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	defer func() { _ = f.Close() }()
	return Read(filepath.Base(path), f)
}

// Read reads a recording; name is its file's and stands in errors.
func Read(name string, in io.Reader) (*Recording, error) {
	r := csv.NewReader(bufio.NewReader(in))
	r.ReuseRecord = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w: it is empty", name, ErrFormat)
	}
	if err != nil {
		return nil, lineError(name, 1, err)
	}
	i := slices.IndexFunc(formats, func(f format) bool { return slices.Equal(f.header, header) })
	if i < 0 {
		return nil, fmt.Errorf("read %s: line 1: %w: the header is neither %s nor %s", name, ErrFormat,
			strings.Join(formats[0].header, ","), strings.Join(formats[1].header, ","))
	}
	rec := &Recording{Name: strings.TrimSuffix(name, filepath.Ext(name)), Kind: formats[i].kind}
	if err := rec.rows(name, r, &formats[i]); err != nil {
		return nil, err
	}
	if err := formats[i].prepare(rec); err != nil {
		return nil, fmt.Errorf("read %s: %w: %w", name, ErrFormat, err)
	}
	return rec, nil
}

func (r *Recording) rows(name string, in *csv.Reader, f *format) error {
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return lineError(name, len(r.Rows)+2, err)
		}
		line, _ := in.FieldPos(0)
		row, err := f.row(fields)
		if err != nil {
			return lineError(name, line, err)
		}
		if n := len(r.Rows); n > 0 && row.At <= r.Rows[n-1].At {
			return lineError(name, line, fmt.Errorf("time %v does not come after %v", row.At, r.Rows[n-1].At))
		}
		if len(r.Rows) == maxRows {
			return lineError(name, line, fmt.Errorf("more than %d rows", maxRows))
		}
		r.Rows = append(r.Rows, row)
	}
	if len(r.Rows) < 2 {
		return fmt.Errorf("read %s: %w: it has %d rows, at least 2 are needed", name, ErrFormat, len(r.Rows))
	}
	return nil
}

func lineError(name string, line int, err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		line, err = parse.Line, parse.Err
	}
	return fmt.Errorf("read %s: line %d: %w: %w", name, line, ErrFormat, err)
}

// row reads one line. Numbers beyond the range of a wearable are damage.
func (f *format) row(fields []string) (Row, error) {
	row := Row{kind: f.kind}
	seconds, err := number(fields, f.header, f.at, 0, 1e6)
	if err != nil {
		return row, err
	}
	row.At = time.Duration(math.Round(seconds*1000)) * time.Millisecond
	for i, column := range f.acc {
		g, err := number(fields, f.header, column, -16, 16)
		if err != nil {
			return row, err
		}
		row.Acc[i] = g * f.signs[i]
	}
	if f.motion >= 0 {
		if row.MotionG, err = number(fields, f.header, f.motion, 0, 16); err != nil {
			return row, err
		}
		row.MotionKnown = true
	}
	label, err := strconv.Atoi(fields[f.label])
	if err != nil || label < 0 || label > f.labels {
		return row, fmt.Errorf("label is %q, not 0 to %d", fields[f.label], f.labels)
	}
	row.Label = label
	return row, nil
}

func number(fields, header []string, column int, lo, hi float64) (float64, error) {
	v, err := strconv.ParseFloat(fields[column], 64)
	if err != nil || !(v >= lo && v <= hi) {
		return 0, fmt.Errorf("%s is %q, not a number from %g to %g", header[column], fields[column], lo, hi)
	}
	return v, nil
}
