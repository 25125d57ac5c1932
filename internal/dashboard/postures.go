package dashboard

import (
	"net/http"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// postureBatch is how many readings are judged at once; it changes nothing but
// the memory this takes.
const postureBatch = 512

// postures exports what the engine sees in a wearer's stored readings, one posture
// a line, by the same code and thresholds as live. It starts afresh at from: a
// calibration, a bout or a dwell from before it is not known.
func (d *Dashboard) postures(w http.ResponseWriter, r *call) error {
	q, err := r.span(shortSpan)
	if err != nil {
		return err
	}
	e, release, err := d.startExport(w)
	if err != nil {
		return err
	}
	defer release()
	j := judge{
		wearer: detect.NewWearer(q.Org, q.Wearer, d.Params),
		batch:  schemas.Batch{Org: q.Org, Wearer: q.Wearer},
		out:    detect.Output{Trace: true},
		each:   func(p detect.Posture) error { return e.line(p) },
	}
	err = d.Store.Readings(r.Context(), q, j.take)
	if err == nil {
		err = j.flush()
	}
	return e.finish(err)
}

// judge feeds stored readings to the engine, in batches of one run of a device as
// the log has them.
type judge struct {
	wearer *detect.Wearer
	batch  schemas.Batch
	out    detect.Output
	each   func(detect.Posture) error
}

func (j *judge) take(rd series.Reading) error {
	if rd.Device != j.batch.Device || rd.Boot != j.batch.Boot || len(j.batch.Items) >= postureBatch {
		if err := j.flush(); err != nil {
			return err
		}
		j.batch.Device, j.batch.Boot = rd.Device, rd.Boot
	}
	j.batch.Received = rd.Time
	j.batch.Items = append(j.batch.Items, rd.Item)
	return nil
}

func (j *judge) flush() error {
	if len(j.batch.Items) == 0 {
		return nil
	}
	j.out.Reset()
	j.wearer.Take(&j.batch, &j.out)
	j.batch.Items = j.batch.Items[:0]
	for _, p := range j.out.Postures {
		if err := j.each(p); err != nil {
			return err
		}
	}
	return nil
}
