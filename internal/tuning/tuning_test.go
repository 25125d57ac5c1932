package tuning_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/detect"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

var (
	acme = schemas.MustID("acme")
	dev  = schemas.MustID("dev")
	anna = schemas.MustID("anna")
	ben  = schemas.MustID("ben")
	none = schemas.ID{}

	all    = tuning.Scope{}
	org    = tuning.Scope{Org: acme}
	team   = tuning.Scope{Org: acme, Team: dev}
	wearer = tuning.Scope{Org: acme, Wearer: anna}
)

// ahead is by how much a change's time lies after its writing, at least.
const ahead = schemas.MaxAhead + 10*time.Second

// annas is the registry of these tests: anna is in the team, nobody else.
func annas(_, wearer schemas.ID) schemas.ID {
	if wearer == anna {
		return dev
	}
	return none
}

func open(t *testing.T, log *bus.Bus) *tuning.Tuning {
	t.Helper()
	tu, _ := openLogged(t, log)
	return tu
}

// buffer is a log that is read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func openLogged(t *testing.T, log *bus.Bus) (*tuning.Tuning, *buffer) {
	t.Helper()
	lines := &buffer{}
	tu, err := tuning.Open(t.Context(), tuning.Options{Log: log, Team: annas, Logger: slog.New(slog.NewTextHandler(lines, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tu.Close() })
	return tu, lines
}

func set(t *testing.T, tu *tuning.Tuning, s tuning.Scope, pairs ...string) tuning.Revision {
	t.Helper()
	changes := map[string]string{}
	for _, p := range pairs {
		key, value, _ := strings.Cut(p, "=")
		changes[key] = value
	}
	r, err := tu.Set(t.Context(), s, changes, "test")
	if err != nil {
		t.Fatalf("set %v for %s: %v", pairs, s, err)
	}
	return r
}

func TestNobodyHasChangedAnything(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	version, p := tu.Timeline(acme, dev, anna).At(time.Now())
	if version != detect.DefaultVersion || *p != *detect.Defaults() {
		t.Errorf("version %s, %+v", version, p)
	}
	if tu.Timeline(acme, none, ben) != tu.Timeline(schemas.MustID("other"), none, none) {
		t.Error("wearers for whom nothing is set have timelines of their own")
	}
	if h := tu.History(all); len(h) != 0 {
		t.Errorf("history %+v", h)
	}
}

func TestTheNarrowerScopeWinsKeyByKey(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	set(t, tu, all, "slouch_deg=16", "lean_deg=11", "battery_low=20")
	set(t, tu, org, "slouch_deg=17", "still_for=1500s")
	set(t, tu, team, "slouch_deg=18", "hydration=on")
	set(t, tu, wearer, "slouch_deg=19")
	last := set(t, tu, wearer, "shift_deg=8")
	for _, c := range []struct {
		team, wearer schemas.ID
		version      string
		want         map[string]string
	}{
		{none, none, "all1+org1", map[string]string{"slouch_deg": "17", "lean_deg": "11", "still_for": "25m", "hydration": "off"}},
		{dev, none, "all1+org1+team1", map[string]string{"slouch_deg": "18", "hydration": "on", "battery_low": "20"}},
		{none, ben, "all1+org1", map[string]string{"slouch_deg": "17"}},
		{dev, anna, "all1+org1+team1+wearer2", map[string]string{"slouch_deg": "19", "shift_deg": "8", "hydration": "on"}},
		{none, anna, "all1+org1+wearer2", map[string]string{"slouch_deg": "19", "hydration": "off"}},
	} {
		timeline := tu.Timeline(acme, c.team, c.wearer)
		version, p := timeline.At(last.From)
		if version != c.version {
			t.Errorf("team %q wearer %q: version %s, want %s", c.team, c.wearer, version, c.version)
		}
		for key, want := range c.want {
			if got := p.Get(key); got != want {
				t.Errorf("%s: %s is %s, want %s", version, key, got, want)
			}
		}
		if version, p := timeline.At(time.Now().Add(schemas.MaxAhead)); version != detect.DefaultVersion || *p != *detect.Defaults() {
			t.Errorf("a reading of now is judged by %s", version)
		}
	}
	eff := tu.Effective(acme, dev, anna, last.From)
	from := map[string]string{}
	for _, v := range eff.Values {
		if v.Scope != nil {
			from[v.Key] = v.Value + " " + v.Scope.String()
		}
	}
	want := map[string]string{
		"slouch_deg": "19 wearer anna of acme", "shift_deg": "8 wearer anna of acme", "hydration": "on team dev of acme",
		"still_for": "25m organisation acme", "lean_deg": "11 the whole installation", "battery_low": "20 the whole installation",
	}
	if fmt.Sprint(from) != fmt.Sprint(want) || eff.Version != "all1+org1+team1+wearer2" || len(eff.Values) != len(detect.Tunables()) {
		t.Errorf("%s\n got %v\nwant %v", eff.Version, from, want)
	}
}

func TestAChangeCountsFromItsOwnTime(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	before := time.Now()
	one := set(t, tu, org, "slouch_deg=18")
	if one.Number != 1 || one.By != "test" || one.At.Before(before.Add(-time.Second)) || one.At.After(time.Now().Add(time.Second)) {
		t.Errorf("the revision is %+v", one)
	}
	if d := one.From.Sub(one.At); d < ahead || d > ahead+time.Second || one.From.Nanosecond() != 0 {
		t.Errorf("it counts from %s, %s after it was written", one.From, d)
	}
	two := set(t, tu, org, "slouch_deg=default", "lean_deg=12")
	if two.Number != 2 || fmt.Sprint(two.Set) != "map[lean_deg:12]" {
		t.Errorf("the revision is %+v", two)
	}
	timeline := tu.Timeline(acme, none, none)
	for _, c := range []struct {
		at      time.Time
		version string
	}{{time.Time{}, "default"}, {one.From.Add(-time.Millisecond), "default"}, {two.From, "org2"}, {two.From.AddDate(100, 0, 0), "org2"}} {
		if version, _ := timeline.At(c.at); version != c.version {
			t.Errorf("at %s: %s, want %s", c.at, version, c.version)
		}
	}
	// What the first revision counted from is written down by the second, to the bit.
	if h := tu.History(org); len(h) != 2 || !h[0].At.Equal(one.At) || !h[0].From.Equal(one.From) || fmt.Sprint(h[0].Set) != "map[slouch_deg:18]" {
		t.Errorf("history %+v", h)
	}
}

func TestWhatIsOutOfBoundsIsRefused(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	set(t, tu, wearer, "slouch_open=4m", "slouch_nudge=5m")
	set(t, tu, team, "load_nudge=0.7")
	for _, c := range []struct {
		scope tuning.Scope
		set   map[string]string
		says  []string
	}{
		{all, map[string]string{"slouch_deg": "31"}, []string{"slouch_deg", "31", "12 to 30", "the whole installation"}},
		{org, map[string]string{"sitting_soft": "5m"}, []string{"10m to 1h", "organisation acme"}},
		{org, map[string]string{"nonsense": "1"}, []string{`"nonsense"`, "slouch_deg"}},
		{org, map[string]string{"nonsense": "default"}, []string{`"nonsense"`}},
		{org, map[string]string{"slouch_deg": "much"}, []string{`"much"`, "number"}},
		{org, map[string]string{"slouch_nudge": "25s"}, []string{"slouch_nudge", "1m"}},
		{org, map[string]string{"slouch_deg": "12", "upright_deg": "13"}, []string{"upright_deg is over slouch_deg"}},
		// Good by themselves, but not with what is set below.
		{wearer, map[string]string{"slouch_nudge": "default"}, []string{"slouch_open is longer", "wearer anna"}},
		{all, map[string]string{"load_break": "0.65"}, []string{"load_break", "what is set for team dev of acme"}},
		{org, map[string]string{"load_break": "0.7"}, []string{"load_break", "what is set for team dev of acme"}},
		{wearer, map[string]string{"load_break": "0.7"}, []string{"load_break", "wearer anna"}},
	} {
		before := tu.Generation()
		_, err := tu.Set(t.Context(), c.scope, c.set, "")
		if !errors.Is(err, detect.ErrParams) {
			t.Errorf("%s %v: %v", c.scope, c.set, err)
			continue
		}
		for _, want := range c.says {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
		if tu.Generation() != before {
			t.Errorf("%s %v: refused and changed", c.scope, c.set)
		}
	}
	// Another organisation has no such team.
	other := tuning.Scope{Org: schemas.MustID("other")}
	set(t, tu, other, "load_break=0.7")
	if _, err := tu.Set(t.Context(), other, map[string]string{"load_break": "0.70"}, ""); !errors.Is(err, tuning.ErrUnchanged) {
		t.Errorf("the same again: %v", err)
	}
	for _, bad := range []tuning.Scope{{Team: dev}, {Wearer: anna}, {Org: acme, Team: dev, Wearer: anna}} {
		if _, err := tu.Set(t.Context(), bad, map[string]string{"slouch_deg": "16"}, ""); err == nil {
			t.Errorf("%+v is a scope", bad)
		}
	}
	if _, err := tu.Set(t.Context(), org, map[string]string{"slouch_deg": "16"}, "a\nb"); err == nil {
		t.Error("a name with a line break was taken")
	}
}

// A reset of a wide scope can break a narrow one, too.
func TestReset(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	set(t, tu, org, "slouch_nudge=10m", "lean_deg=12", "lean_for=10m")
	set(t, tu, wearer, "slouch_open=5m")
	if _, err := tu.Reset(t.Context(), org, nil, ""); !errors.Is(err, detect.ErrParams) || !strings.Contains(err.Error(), "wearer anna") {
		t.Errorf("anna's would not work: %v", err)
	}
	if r, err := tu.Reset(t.Context(), org, []string{"lean_deg"}, ""); err != nil || r.Number != 2 || len(r.Set) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := tu.Reset(t.Context(), wearer, nil, ""); err != nil || r.Number != 2 || len(r.Set) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	r, err := tu.Reset(t.Context(), org, nil, "")
	if err != nil || r.Number != 3 || len(r.Set) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := tu.Reset(t.Context(), org, nil, ""); !errors.Is(err, tuning.ErrUnchanged) {
		t.Errorf("an empty scope: %v", err)
	}
	version, p := tu.Timeline(acme, none, anna).At(r.From)
	if version != "org3+wearer2" || *p != *detect.Defaults() {
		t.Errorf("%s: %+v", version, p)
	}
}

func TestTimelinesStayWhileNothingChangesForThem(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	set(t, tu, org, "slouch_deg=16")
	set(t, tu, wearer, "slouch_deg=17")
	g := tu.Generation()
	annas, bens, others := tu.Timeline(acme, dev, anna), tu.Timeline(acme, none, ben), tu.Timeline(schemas.MustID("other"), none, none)
	if annas != tu.Timeline(acme, dev, anna) || bens != tu.Timeline(acme, dev, none) || annas == bens || g != tu.Generation() {
		t.Error("the same parameters have other timelines")
	}
	set(t, tu, wearer, "slouch_deg=18")
	if tu.Generation() == g || tu.Timeline(acme, dev, anna) == annas || tu.Timeline(acme, none, ben) != bens {
		t.Error("a wearer's change changes that wearer's timeline alone")
	}
	annas = tu.Timeline(acme, dev, anna)
	set(t, tu, team, "slouch_deg=19")
	if tu.Timeline(acme, dev, anna) == annas || tu.Timeline(acme, none, ben) != bens || tu.Timeline(acme, dev, ben) == bens {
		t.Error("a team's change changes that of its wearers")
	}
	set(t, tu, all, "lean_deg=11")
	if tu.Timeline(acme, none, ben) == bens || tu.Timeline(schemas.MustID("other"), none, none) == others {
		t.Error("a change for all changes them all")
	}
}

func TestRevisionsSurviveRestarts(t *testing.T) {
	dir := t.TempDir()
	first := brokertest.Broker(t, dir)
	tu := open(t, brokertest.Bus(t, first))
	set(t, tu, all, "slouch_deg=16")
	set(t, tu, wearer, "slouch_deg=17")
	last := set(t, tu, wearer, "slouch_deg=18")
	want := fmt.Sprint(tu.History(all), tu.History(wearer), tu.Effective(acme, dev, anna, last.From).Values)
	if err := tu.Close(); err != nil {
		t.Error(err)
	}
	first.Stop()
	again := open(t, brokertest.Bus(t, brokertest.Broker(t, dir)))
	if got := fmt.Sprint(again.History(all), again.History(wearer), again.Effective(acme, dev, anna, last.From).Values); got != want {
		t.Errorf("after a restart\n got %s\nwant %s", got, want)
	}
	if r := set(t, again, wearer, "slouch_deg=19"); r.Number != 3 {
		t.Errorf("the next number is %d", r.Number)
	}
}

// Writers that know nothing of one another: no change is lost, each is checked
// against what it lands on, and followers come to the same.
func TestTwoWritersAndTheirWatchers(t *testing.T) {
	b, log := brokertest.Start(t)
	writers := []*tuning.Tuning{open(t, log), open(t, brokertest.Bus(t, b))}
	reader := open(t, brokertest.Bus(t, b))
	const each = 15
	var wg sync.WaitGroup
	// One raises the least, the other lowers the most: each works alone, no two of
	// them work together, so whoever comes second must be refused.
	scopes := []tuning.Scope{org, wearer}
	change := func(writer, n int) map[string]string {
		if writer == 0 {
			return map[string]string{"slouch_open": fmt.Sprintf("%ds", 100+n)}
		}
		return map[string]string{"slouch_nudge": fmt.Sprintf("%ds", 99-n)}
	}
	for i, tu := range writers {
		wg.Go(func() {
			for n := range each {
				_, err := tu.Set(t.Context(), scopes[i], change(i, n), "")
				if err != nil && !errors.Is(err, detect.ErrParams) {
					t.Errorf("writer %d: %v", i, err)
				}
			}
		})
	}
	stop := make(chan struct{})
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		for g := uint64(0); ; {
			select {
			case <-stop:
				return
			default:
			}
			if now := reader.Generation(); now != g {
				g = now
				reader.Timeline(acme, dev, anna).At(time.Now())
			}
		}
	}()
	wg.Wait()
	close(stop)
	<-watching
	if err := reader.Await(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := reader.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	orgs, wearers := reader.History(org), reader.History(wearer)
	if (len(orgs) == each) == (len(wearers) == each) || len(orgs)*len(wearers) != 0 {
		t.Errorf("%d changes of the organisation and %d of the wearer were taken; want all of one", len(orgs), len(wearers))
	}
	for i, r := range append(orgs, wearers...) {
		if r.Number != i+1 {
			t.Errorf("revision %d has the number %d", i+1, r.Number)
		}
		version, _ := reader.Timeline(acme, none, anna).At(r.From)
		if want, _ := writers[0].Timeline(acme, none, anna).At(r.From); version != want {
			t.Errorf("at %s: %s, the writer's %s", r.From, version, want)
		}
	}
}

func TestManyWritersOfOneScopeLoseNothing(t *testing.T) {
	b, log := brokertest.Start(t)
	writers := []*tuning.Tuning{open(t, log), open(t, brokertest.Bus(t, b)), open(t, brokertest.Bus(t, b))}
	var wg sync.WaitGroup
	keys := []string{"slouch_deg", "battery_low", "shift_deg"}
	for i, tu := range writers {
		wg.Go(func() {
			for n := range 10 {
				if _, err := tu.Set(t.Context(), org, map[string]string{keys[i]: fmt.Sprintf("%g", 16+float64(n)/10)}, ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := writers[0].Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := writers[0].History(org)
	if len(h) != 30 || fmt.Sprint(h[29].Set) != "map[battery_low:16.9 shift_deg:16.9 slouch_deg:16.9]" {
		t.Errorf("%d revisions, the last is %+v", len(h), h[len(h)-1])
	}
}

// Await sees what others have written, and asks the server no more than needed.
func TestAwaitSeesEverythingBeforeTheRecord(t *testing.T) {
	b, log := brokertest.Start(t)
	writer, follower := open(t, brokertest.Bus(t, b)), open(t, log)
	for n := range 20 {
		r := set(t, writer, org, fmt.Sprintf("slouch_deg=%g", 16+float64(n)/10))
		// A record that the log takes so long after the change must be judged with it.
		if err := follower.Await(t.Context(), r.At.Add(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if h := follower.History(org); len(h) != r.Number {
			t.Fatalf("%d of %d changes are known", len(h), r.Number)
		}
	}
	log.Conn().Close()
	if err := follower.Await(t.Context(), time.Now()); err != nil {
		t.Errorf("it asks although it knows enough: %v", err)
	}
	if err := follower.Await(t.Context(), time.Now().Add(time.Minute)); err == nil {
		t.Error("it goes on without knowing")
	}
}

// A record from a clock far ahead must not stop anything: what was written
// before the call is known then, and that is all there is to know.
func TestAwaitOfARecordOfTheFuture(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	if err := tu.Await(t.Context(), time.Now().AddDate(1, 0, 0)); err != nil {
		t.Error(err)
	}
}

func TestManyAwaitAtOnce(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := tu.Await(t.Context(), time.Now().Add(7*time.Second)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func raw(t *testing.T, log *bus.Bus) (jetstream.KeyValue, jetstream.Stream) {
	t.Helper()
	kv, err := log.KV(t.Context(), bus.BucketTuning)
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(log.Conn())
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "KV_"+bus.BucketTuning)
	if err != nil {
		t.Fatal(err)
	}
	return kv, s
}

func TestWhatHandsHaveDamagedStopsNothing(t *testing.T) {
	_, log := brokertest.Start(t)
	tu, lines := openLogged(t, log)
	kv, stream := raw(t, log)
	good := set(t, tu, org, "slouch_deg=16")
	put := func(key, value string) {
		t.Helper()
		if _, err := kv.Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
		if err := tu.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	is := func(want string) {
		t.Helper()
		if got := tu.Effective(acme, dev, anna, good.From.AddDate(1, 0, 0)); got.Version != want {
			t.Errorf("version %s, want %s", got.Version, want)
		}
		if got, _ := tu.Timeline(acme, dev, anna).At(good.From.AddDate(1, 0, 0)); got != want {
			t.Errorf("version %s, want %s", got, want)
		}
	}
	is("org1")
	put("org.acme", "garbage")
	is("org1")
	if _, err := tu.Set(t.Context(), org, map[string]string{"slouch_deg": "17"}, ""); err == nil || !strings.Contains(err.Error(), "org.acme") {
		t.Errorf("garbage was written over: %v", err)
	}
	put("some.thing.else", "[]")
	put("org.Acme", "[]")
	// It would be out of bounds, and is left out; what is set below still counts.
	put("all", `[{"number":1,"set":{"slouch_deg":"99"}}]`)
	is("org1")
	put("wearer.acme.anna", `[{"number":1,"set":{"battery_low":"20"}}]`)
	is("org1+wearer1")
	put("team.acme.dev", `[{"number":1,"set":{"was_renamed":"1"}}]`)
	is("org1+wearer1")
	if err := kv.Delete(t.Context(), "wearer.acme.anna"); err != nil {
		t.Fatal(err)
	}
	if err := tu.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	is("org1+wearer1")
	if r := set(t, tu, wearer, "battery_low=25"); r.Number != 2 {
		t.Errorf("what was deleted came back as revision %d", r.Number)
	}
	for range 3 {
		is("org1+wearer2")
	}
	text := lines.String()
	for _, want := range []string{"key=org.acme ", "key=some.thing.else ", "key=org.Acme ", "all revision 1", "team.acme.dev revision 1", "deleted by hand"} {
		if n := strings.Count(text, want); n != 1 {
			t.Errorf("%q was logged %d times in\n%s", want, n, text)
		}
	}
	// A key that is no parameter any more can be taken away.
	if r, err := tu.Reset(t.Context(), team, []string{"was_renamed"}, ""); err != nil || len(r.Set) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	// Emptied, the bucket's end never comes by itself.
	if err := stream.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := open(t, log)
	if r := set(t, again, org, "slouch_deg=18"); r.Number != 1 {
		t.Errorf("revision %d", r.Number)
	}
}

func TestAReplacedBucketIsTold(t *testing.T) {
	_, log := brokertest.Start(t)
	tu := open(t, log)
	set(t, tu, org, "slouch_deg=16")
	js, err := jetstream.New(log.Conn())
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteKeyValue(t.Context(), bus.BucketTuning); err != nil {
		t.Fatal(err)
	}
	if err := tu.Sync(t.Context()); err == nil || !strings.Contains(err.Error(), bus.BucketTuning) {
		t.Errorf("without a bucket: %v", err)
	}
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: bus.BucketTuning}); err != nil {
		t.Fatal(err)
	}
	// Until the copy knows, it says so; then it is of the other bucket.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for patience := time.Now().Add(30 * time.Second); ; <-tick.C {
		r, err := tu.Set(t.Context(), org, map[string]string{"lean_deg": "12"}, "")
		if err == nil {
			if r.Number != 1 || len(r.Set) != 1 {
				t.Errorf("with another bucket: %+v", r)
			}
			break
		}
		if !strings.Contains(err.Error(), "replaced") || time.Now().After(patience) {
			t.Fatalf("with another bucket: %v", err)
		}
	}
	if err := tu.Await(t.Context(), time.Now()); err != nil {
		t.Errorf("after another bucket: %v", err)
	}
}
