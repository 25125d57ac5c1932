package detect

import "sitwell/schemas"

// hydration is R9, for those who asked for it.
func (d *refDay) hydration() {
	const anew = 4 * 3600_000
	var worn, start int64
	open := false
	for i := range d.spans {
		sp := &d.spans[i]
		end := func(outcome schemas.Outcome) {
			if open {
				d.at(sp, schemas.Finding{
					Rule: schemas.RuleHydration, Level: 1, Step: schemas.Closed, Start: refTime(start),
					Seconds: refSeconds(sp.to - start), Outcome: outcome, End: refTime(sp.to),
				})
			}
			worn, open = 0, false
		}
		if d.counted[i] {
			end(schemas.Break)
		}
		switch {
		case !sp.p.Hydration, sp.ms > anew:
			end(schemas.Unknown)
			continue
		case sp.held && sp.before.worn:
			worn += sp.ms
		}
		if !open && worn >= sp.p.HydrationEvery.Milliseconds() {
			open, start = true, sp.to
			d.at(sp, schemas.Finding{Rule: schemas.RuleHydration, Level: 1, Step: schemas.Opened, Start: refTime(start)})
		}
	}
}

// offline is R11: a silence of somebody who wore the device.
func (d *refDay) offline() {
	for i := range d.spans {
		sp := &d.spans[i]
		if !sp.before.worn || sp.ms < sp.p.OfflineAfter.Milliseconds() || bridged(sp) {
			continue
		}
		f := schemas.Finding{Rule: schemas.RuleOffline, Level: 1, Step: schemas.Opened, Start: refTime(sp.from), Seconds: refSeconds(sp.ms)}
		d.at(sp, f)
		f.Step, f.Outcome, f.End = schemas.Closed, schemas.Back, refTime(sp.to)
		d.at(sp, f)
	}
}

// battery is R11: the charge, as readings and events tell it.
func (d *refDay) battery() {
	open := false
	var start int64
	for i, it := range d.items {
		percent, at := -1.0, it.Time
		switch {
		case it.Event == nil && it.Fields.Has(schemas.HasBattery):
			percent = float64(it.Battery)
		case it.Event != nil && it.Event.Type == schemas.EventBattery:
			percent = float64(it.Event.Battery)
		}
		_, p := d.timeline.At(refTime(at))
		f := schemas.Finding{Rule: schemas.RuleBattery, Level: 1}
		switch {
		case percent < 0:
		case !open && percent <= p.BatteryLow:
			open, start = true, at
			f.Step, f.Start = schemas.Opened, refTime(start)
			d.tell(i, at, f)
		case open && percent >= p.BatteryLow+10:
			open = false
			f.Step, f.Start, f.Outcome, f.End = schemas.Closed, refTime(start), schemas.Charged, refTime(at)
			f.Seconds = refSeconds(at - start)
			d.tell(i, at, f)
		}
	}
}
