package lease

import (
	"log/slog"
	"testing"
	"time"
)

func beats(revisions map[string]uint64) map[string]entry {
	all := map[string]entry{}
	for name, r := range revisions {
		all[name] = entry{revision: r}
	}
	return all
}

func TestWhoIsSilentDies(t *testing.T) {
	p := pulse{}
	p.step(beats(map[string]uint64{"a": 1, "b": 2}), nil, 1, 0)
	died := false
	for i := range 4 {
		died = p.step(beats(map[string]uint64{"a": 10 + uint64(i), "b": 2}), nil, 1, time.Second)
		if i < 3 && died {
			t.Fatalf("somebody died after %d s", i+1)
		}
	}
	if living := p.living(); !died || !living["a"] || living["b"] {
		t.Errorf("after 4 s %v live, somebody died: %v", living, died)
	}
	if p.step(beats(map[string]uint64{"a": 20, "b": 21}), nil, 1, 0); !p.living()["b"] {
		t.Error("one who beats again is dead")
	}
}

// While the log is not heard no time counts.
func TestNobodyDiesWhileNobodyIsHeard(t *testing.T) {
	p := pulse{}
	for range 100 {
		p.step(beats(map[string]uint64{"a": 1}), map[string]bool{"a": true}, 1, 0)
	}
	if !p.living()["a"] {
		t.Error("died unheard")
	}
}

func TestWhoTookLeaveIsGoneAtOnce(t *testing.T) {
	p := pulse{}
	p.step(beats(map[string]uint64{"a": 1}), nil, 1, 0)
	p.step(map[string]entry{"a": {revision: 2, gone: true}}, map[string]bool{"a": true}, 1, 0)
	if p.living()["a"] {
		t.Error("lives still")
	}
}

// After a restart of the server its memory is empty: owners get the time to beat.
func TestAnOwnerOfWhomNoBeatIsKnownLivesAWhile(t *testing.T) {
	owners := map[string]bool{"a": true}
	p := pulse{}
	p.step(beats(map[string]uint64{"a": 7}), owners, 1, 3*time.Second)
	p.step(nil, owners, 2, 0)
	p.step(nil, owners, 2, 3*time.Second)
	if !p.living()["a"] {
		t.Fatal("the silence in the old bucket counts")
	}
	if died := p.step(nil, owners, 2, time.Second); !died || p.living()["a"] {
		t.Error("lives for ever without a beat")
	}
	if p.step(nil, nil, 2, 0); len(p) > 0 {
		t.Errorf("%v is remembered", p)
	}
}

// A revision of the new bucket may be the same as the last of the old one.
func TestABeatInANewBucketCounts(t *testing.T) {
	p := pulse{}
	p.step(beats(map[string]uint64{"a": 7}), nil, 1, 3*time.Second)
	p.step(beats(map[string]uint64{"a": 7}), nil, 2, 3*time.Second)
	if !p.living()["a"] {
		t.Error("died though it has beaten")
	}
}

// Members that have gone for good take no memory for ever.
func TestWhoIsSilentForLongIsForgotten(t *testing.T) {
	w := newWatch(nil, nil, "g", 1, slog.New(slog.DiscardHandler))
	now := time.Now()
	w.members.replace(map[string]entry{"a": {revision: 3}, "b": {revision: 4}}, end{last: 4, put: now})
	w.leases.replace(map[string]entry{}, end{put: now})
	for i := range int(forgetAfter/lookEvery) + 1 {
		w.members.mu.Lock()
		w.members.entries["b"] = entry{revision: 5 + uint64(i)} // it beats
		w.members.mu.Unlock()
		w.look(now)
	}
	if entries, _, _ := w.members.state(); len(entries) != 1 || entries["b"].revision == 0 {
		t.Errorf("known are %+v", entries)
	}
	w.look(now)
	if len(w.pulse) != 1 {
		t.Errorf("remembered are %v", w.pulse)
	}
	// What came long ago counts for nothing.
	w.members.mu.Lock()
	w.members.entries["c"] = entry{revision: 900}
	w.members.mu.Unlock()
	for range 100 {
		w.look(now.Add(time.Minute))
	}
	if !w.pulse.living()["c"] {
		t.Error("died while nothing was heard")
	}
}
