package lease

import (
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
