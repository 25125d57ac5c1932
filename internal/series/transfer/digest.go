package transfer

import (
	"encoding/binary"
	"hash/maphash"

	"sitwell/internal/series"
	"sitwell/schemas"
)

// digest stands for the content of a unit, whatever the order of things of one time: it
// is the sum of the hashes of them all, which a copy that went wrong would have to hit by
// chance. series.StateOf tells only which readings there are.
type digest struct {
	seed maphash.Seed
	sum  uint64
	buf  []byte
}

func (d *digest) add(b []byte) { d.sum += maphash.Bytes(d.seed, b) }

func (d *digest) sink() sink {
	return sink{reading: d.reading, rollups: d.rollups, finding: d.finding, decision: d.decisions}
}

func (d *digest) reading(r series.Reading) (err error) {
	late := byte(0)
	if r.Late {
		late = 1
	}
	d.buf = append(append(d.buf[:0], late), r.Device.String()...)
	d.buf = binary.LittleEndian.AppendUint32(append(d.buf, 0), r.Boot)
	if d.buf, err = schemas.AppendItems(d.buf, []schemas.Item{r.Item}); err == nil {
		d.add(d.buf)
	}
	return err
}

func (d *digest) rollups(all []schemas.Rollup) error {
	for i := range all {
		b, err := (&schemas.Judged{Rollups: all[i : i+1]}).Encode()
		if err != nil {
			return err
		}
		d.add(b)
	}
	return nil
}

func (d *digest) finding(f schemas.Finding) error {
	b, err := f.Encode()
	d.add(b)
	return err
}

func (d *digest) decisions(all []schemas.Decision) error {
	for i := range all {
		b, err := all[i].Encode()
		if err != nil {
			return err
		}
		d.add(b)
	}
	return nil
}
