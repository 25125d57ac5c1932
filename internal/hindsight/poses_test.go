package hindsight

import (
	"testing"
	"time"

	"sitwell/detect"
	"sitwell/internal/series"
	"sitwell/schemas"
)

// overtakenPoses is half an hour of a device that gives acc_g, of which the upright poses
// come behind the first six readings.
func overtakenPoses(bad ...[3]int16) (list []schemas.Batch) {
	p := person{rng: seeded(3), boot: 1, acc: true}
	of := func(items ...schemas.Item) schemas.Batch { return schemas.Batch{Device: belt, Boot: 1, Items: items} }
	var poses, items []schemas.Item
	for _, upright := range append(bad, [3]int16{0, 1000, 0}) {
		poses = append(poses, p.event(at(1, 8, 0), schemas.Event{Type: schemas.EventCalibrate, Pose: schemas.Seated, Upright: &upright}))
	}
	for i := range 3600 {
		items = append(items, p.reading(at(1, 8, 0).Add(time.Duration(i+1)*500*time.Millisecond), phase{flexion: 22, sits: true}))
	}
	list = append(list, of(items[:6]...))
	for _, e := range poses {
		list = append(list, of(e))
	}
	return append(list, of(items[6:]...))
}

// An upright pose that the first readings of its run overtook counts live, and so it
// does here: what is found by it is proved, and what is seen by it is known, but for
// the moment until it came.
func TestPosesThatWereOvertaken(t *testing.T) {
	for name, bad := range map[string][][3]int16{"at once": nil, "after one that was refused": {{10, 10, 10}}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, at(9, 0, 0), detect.Always(detect.Defaults()))
			w.deliver(t, overtakenPoses(bad...)...)
			w.end(t)
			if len(w.findings) < 8 || w.late != 1+len(bad) {
				t.Fatalf("%d findings, %d late", len(w.findings), w.late)
			}
			for i := range w.findings {
				proved(t, w, &w.findings[i], Same)
			}
			live, known := 0, 0
			for _, p := range w.postures {
				if p.Known {
					live++
				}
			}
			q := series.Query{Org: acme, Wearer: anna, From: at(1, 0, 0), To: at(2, 0, 0)}
			err := w.Postures(t.Context(), q, func(p detect.Posture) error {
				if p.Known {
					known++
				}
				return nil
			})
			if err != nil || live < 3590 || known < live || known > live+6 {
				t.Errorf("%d postures are known, live knew %d: %v", known, live, err)
			}
			b, err := w.Backtest(t.Context(), q, nil, nil)
			if err != nil || b.Now.Episodes[schemas.RuleSlouch] != b.Then.Episodes[schemas.RuleSlouch] || b.Now.Episodes[schemas.RuleSlouch] == 0 {
				t.Errorf("%+v, then %+v: %v", b.Now, b.Then, err)
			}
			w.recompute(t, 1)
			if again := w.recompute(t, 1); again.Changed() {
				t.Errorf("the day is different the second time: %+v", again)
			}
		})
	}
}
