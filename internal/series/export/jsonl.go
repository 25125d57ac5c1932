package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// Schema names the form of the JSON lines.
const Schema = "sitwell.record.v1"

// JSONLines writes a wearer's record as JSON lines. progress, which may be nil, is told
// how many of the days are done, from 0 on. An error of w ends it.
func JSONLines(ctx context.Context, w io.Writer, s series.Reader, e series.Extent, progress func(done, all int)) error {
	l := &lines{record: newRecord(s, e, 1, progress), w: bufio.NewWriterSize(w, 64<<10), fields: fields(), n: ending{Kind: "end"}}
	if err := l.line(struct {
		Kind   string     `json:"kind"`
		Schema string     `json:"schema"`
		Org    schemas.ID `json:"org"`
		Wearer schemas.ID `json:"wearer"`
		From   string     `json:"from,omitempty"`
		To     string     `json:"to,omitempty"`
	}{"record", Schema, e.Org, e.Wearer, textOrNone(e.From), textOrNone(e.To)}); err != nil {
		return err
	}
	if err := l.eachDay(ctx, func(q series.Query) error { return l.day(ctx, q) }); err != nil {
		return err
	}
	if err := l.line(l.n); err != nil {
		return err
	}
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("export %s/%s: %w", e.Org, e.Wearer, err)
	}
	return nil
}

// ending is the last line.
type ending struct {
	Kind      string `json:"kind"`
	Readings  int    `json:"readings"`
	Events    int    `json:"events"`
	Minutes   int    `json:"minutes"`
	Episodes  int    `json:"episodes"`
	Findings  int    `json:"findings"`
	Decisions int    `json:"decisions"`
}

type lines struct {
	*record

	w      *bufio.Writer
	buf    []byte
	fields []field
	n      ending
}

func (l *lines) line(v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = l.w.Write(append(b, '\n'))
	}
	return err
}

func (l *lines) day(ctx context.Context, q series.Query) error {
	if err := l.Readings(ctx, q, l.reading); err != nil {
		return err
	}
	rollups, err := l.Rollups(ctx, q)
	if err != nil {
		return err
	}
	for i := range rollups {
		l.n.Minutes++
		if err := l.line(struct {
			Kind string `json:"kind"`
			Time string `json:"time"`
			*schemas.Rollup
		}{"minute", text(time.Unix(rollups[i].Minute*60, 0)), &rollups[i]}); err != nil {
			return err
		}
	}
	if err := l.episodes(ctx, q, func(e *series.Episode) error { return l.episode(ctx, e) }); err != nil {
		return err
	}
	decisions, err := l.Decisions(ctx, q)
	if err != nil {
		return err
	}
	for i := range decisions {
		l.n.Decisions++
		if err := l.line(struct {
			Kind string `json:"kind"`
			*schemas.Decision
		}{"decision", &decisions[i]}); err != nil {
			return err
		}
	}
	return nil
}

// reading writes its line by hand: there are millions of them.
func (l *lines) reading(r series.Reading) error {
	b := l.buf[:0]
	b = append(b, `{"kind":"`...)
	if r.Event != nil {
		l.n.Events++
		b = append(b, `event`...)
	} else {
		l.n.Readings++
		b = append(b, `reading`...)
	}
	b = append(b, `","time":"`...)
	b = r.At().AppendFormat(b, time.RFC3339Nano)
	b = append(append(b, `","device":"`...), r.Device.String()...) // an identifier needs no quoting
	b = strconv.AppendUint(append(b, `","boot":`...), uint64(r.Boot), 10)
	b = strconv.AppendUint(append(b, `,"seq":`...), r.Seq, 10)
	if r.Late {
		b = append(b, `,"late":true`...)
	}
	if r.Event != nil {
		event, err := json.Marshal(r.Event)
		if err != nil {
			return err
		}
		b = append(append(b, ','), event[1:]...)
	} else {
		for _, f := range l.fields {
			if !r.Fields.Has(f.has) {
				continue
			}
			b = append(append(append(b, `,"`...), f.name...), `":`...)
			b = f.value(b, &r.Reading)
		}
		b = append(b, '}')
	}
	b = append(b, '\n')
	l.buf = b
	_, err := l.w.Write(b)
	return err
}

func (l *lines) episode(ctx context.Context, e *series.Episode) error {
	l.n.Episodes++
	if err := l.line(struct {
		Kind string `json:"kind"`
		*series.Episode
	}{"episode", e}); err != nil {
		return err
	}
	return l.findings(ctx, e.ID, func(f *schemas.Finding) error {
		l.n.Findings++
		return l.line(struct {
			Kind string `json:"kind"`
			*schemas.Finding
		}{"finding", f})
	})
}
