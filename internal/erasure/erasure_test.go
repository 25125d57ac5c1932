package erasure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/erasure"
	"sitwell/internal/record"
	"sitwell/internal/registry"
	"sitwell/internal/series"
	"sitwell/internal/series/sqlite"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

var (
	acme, anna, bert = schemas.MustID("acme"), schemas.MustID("anna"), schemas.MustID("bert")
	band, belt       = schemas.MustID("band-1"), schemas.MustID("belt-2")
)

// world is a log with a registry, and a store that a recorder fills.
type world struct {
	*erasure.Erasure

	t        *testing.T
	log      *bus.Bus
	registry *registry.Registry
	tuning   *tuning.Tuning
	store    *sqlite.Store
	recorder *record.Recorder
	began    time.Time
	dir      string // of the log
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	server := brokertest.Broker(t, dir)
	server.Admit()
	log := brokertest.Bus(t, server)
	w := &world{t: t, log: log, dir: dir, began: time.Now().Add(-time.Hour).Truncate(time.Second)}
	quiet := slog.New(slog.DiscardHandler)
	kv, err := log.KV(t.Context(), bus.BucketRegistry)
	w.must(err)
	w.registry, err = registry.Open(t.Context(), kv, quiet)
	w.must(err)
	t.Cleanup(func() { _ = w.registry.Close() })
	w.tuning, err = tuning.Open(t.Context(), tuning.Options{Log: log, Logger: quiet})
	w.must(err)
	t.Cleanup(func() { _ = w.tuning.Close() })
	w.store, err = sqlite.Open(t.TempDir(), quiet)
	w.must(err)
	t.Cleanup(func() { w.must(w.store.Close()) })
	w.recorder, err = record.New(record.Options{Log: record.FromBus(log), Store: w.store, Registerer: prometheus.NewRegistry(), Logger: quiet})
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.recorder.Run(ctx) }()
	t.Cleanup(func() { cancel(); w.must(<-ended) })
	w.Erasure, err = erasure.New(erasure.Options{
		Log: log, Registry: w.registry, Store: w.store, Settle: w.settle, Stored: w.recorder.WaitFor, Logger: quiet,
		StoreRemains: []erasure.Remainder{{What: "what the store says"}},
	})
	w.must(err)
	w.people()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// people registers anna with band and belt, and bert, who wore belt before.
func (w *world) people() {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(w.registry.AddOrg(ctx, registry.Org{ID: acme, Name: "Acme"}))
	w.wear(anna, band, w.began, time.Time{})
	w.wear(bert, belt, w.began.Add(-time.Hour), w.began)
	w.must(w.registry.Release(ctx, acme, band, w.began.Add(time.Minute)))
	w.must(w.registry.Assign(ctx, acme, belt, registry.Assignment{Wearer: anna, From: w.began.Add(time.Minute)}))
}

func (w *world) wear(wearer, device schemas.ID, from, to time.Time) {
	w.t.Helper()
	ctx := w.t.Context()
	w.must(w.registry.AddWearer(ctx, registry.Wearer{Org: acme, ID: wearer, Name: "Name of " + wearer.String()}))
	w.must(w.registry.AddDevice(ctx, acme, device))
	w.must(w.registry.Assign(ctx, acme, device, registry.Assignment{Wearer: wearer, From: from, To: to}))
}

func (w *world) settle(ctx context.Context) error {
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups, schemas.StreamFindings, schemas.StreamNudges} {
		last, err := w.log.LastSeq(ctx, stream)
		if err == nil {
			err = w.recorder.WaitFor(ctx, stream, last)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) publish(subject string, data []byte, err error) {
	w.t.Helper()
	w.must(err)
	w.must(w.log.Publish(w.t.Context(), subject, data, ""))
}

// live lets somebody live for n seconds: readings, a minute, a finding, a nudge, an
// answer, something refused, notes of the notifier, parameters.
func (w *world) live(wearer, device schemas.ID, seq uint64, n int) {
	w.t.Helper()
	b := schemas.Batch{Org: acme, Wearer: wearer, Device: device, Boot: 1}
	for i := range uint64(n) {
		b.Items = append(b.Items, schemas.Item{Reading: schemas.Reading{
			Seq: seq + i, Time: w.began.UnixMilli() + int64(seq+i)*1000, TrunkPitch: 7, Fields: schemas.HasTrunk | schemas.IsWorn,
		}})
	}
	data, err := schemas.AppendBatch(schemas.NewRecord(nil), &b)
	w.publish(schemas.ReadingsSubject(0), data, err)
	judged := schemas.Judged{Rollups: []schemas.Rollup{{Org: acme, Wearer: wearer, Minute: w.began.Unix() / 60, Sitting: 60, Upright: 60}}}
	data, err = judged.Encode()
	w.publish(schemas.RollupsSubject(0), data, err)
	episode := fmt.Sprintf("e-%s-%d", wearer, seq)
	f := schemas.Finding{
		Schema: schemas.SchemaFinding, ID: episode + "-opened", Episode: episode, Org: acme, Wearer: wearer, Device: device, Rule: schemas.RuleSlouch,
		Step: schemas.Opened, Level: 1, Start: w.began, Time: w.began.Add(time.Minute), Boot: 1, Seq: seq,
	}
	data, err = f.Encode()
	w.publish(schemas.FindingsSubject(acme, wearer), data, err)
	d := schemas.Decision{
		Schema: schemas.SchemaDecision, ID: episode + "-sent", Nudge: episode + "-2", Episode: episode, Org: acme, Wearer: wearer, Device: device,
		Rule: schemas.RuleSlouch, Level: 2, Time: w.began.Add(time.Minute), Action: schemas.ActionSent,
	}
	data, err = d.Encode()
	w.publish(schemas.NudgesSubject(acme, wearer), data, err)
	w.publish(schemas.RepliesSubject(acme, wearer), []byte(`{"an":"answer"}`), nil)
	topic := schemas.Topic{Org: acme, Device: device, Kind: schemas.KindReadings}
	data, err = schemas.Quarantined{Reason: schemas.BadTime, Topic: topic.String(), Payload: []byte("of " + wearer.String())}.Encode()
	w.publish(schemas.QuarantineSubject(schemas.BadTime), data, err)
	data, err = schemas.Quarantined{Reason: schemas.StoreRefused, Topic: erasure.RefusedTopic(acme, wearer), Payload: []byte("a minute")}.Encode()
	w.publish(schemas.QuarantineSubject(schemas.StoreRefused), data, err)
	for bucket, key := range map[string]string{bus.BucketLedger: episode + "-2", bus.BucketSnooze: "acme." + wearer.String()} {
		kv, err := w.log.KV(w.t.Context(), bucket)
		w.must(err)
		_, err = kv.PutString(w.t.Context(), key, fmt.Sprintf(`{"org":"acme","wearer":%q}`, wearer))
		w.must(err)
	}
	_, err = w.tuning.Set(w.t.Context(), tuning.Scope{Org: acme, Wearer: wearer}, map[string]string{"slouch_deg": strconv.Itoa(14 + int(seq/100))}, "test")
	w.must(err)
}

// mentions are all the streams and buckets in which a name still stands.
func (w *world) mentions(name string) (where []string) {
	w.t.Helper()
	js, err := jetstream.New(w.log.Conn())
	w.must(err)
	for info := range js.ListStreams(w.t.Context()).Info() {
		err := w.log.Each(w.t.Context(), info.Config.Name, nil, func(m bus.Msg) error {
			if strings.Contains(m.Subject, name) || strings.Contains(string(m.Data), name) {
				where = append(where, info.Config.Name+" "+m.Subject)
			}
			return nil
		})
		w.must(err)
	}
	slices.Sort(where)
	return where
}

// readings counts what is stored.
func (w *world) readings(wearer schemas.ID) (n int) {
	w.t.Helper()
	q := series.Query{Org: acme, Wearer: wearer, From: w.began.AddDate(-1, 0, 0), To: w.began.AddDate(1, 0, 0)}
	w.must(w.store.Readings(w.t.Context(), q, func(series.Reading) error { n++; return nil }))
	return n
}

func TestAllOfAWearerGoesAndNothingOfOthers(t *testing.T) {
	w := newWorld(t)
	w.live(anna, band, 0, 50)
	w.live(anna, belt, 100, 10)
	w.live(bert, schemas.MustID("band-9"), 0, 30)
	stop, err := w.Serve(w.log.Conn())
	w.must(err)
	defer func() { w.must(stop(t.Context())) }()
	c, err := erasure.Ask(t.Context(), w.log.Conn(), acme, anna)
	w.must(err)
	if c.Store != (series.Erased{Readings: 60, Rollups: 1, Episodes: 2, Findings: 2, Decisions: 2}) {
		t.Errorf("the store erased %+v", c.Store)
	}
	if c.Log != (erasure.LogErased{Findings: 2, Nudges: 2, Replies: 2, Quarantine: 4, Ledger: 2, Parameters: 1}) {
		t.Errorf("of the log is erased %+v", c.Log)
	}
	if !slices.Equal(c.Devices, []schemas.ID{band, belt}) || c.Org != acme || c.Wearer != anna || !c.Finished.After(c.Asked) || !c.Before.After(c.Finished) {
		t.Errorf("certificate %+v", c)
	}
	if len(c.Verified) != 6 || !slices.Contains(c.Remains, erasure.Remainder{What: "what the store says"}) || c.Remains[0].Until.Before(c.Finished.Add(71*time.Hour)) {
		t.Errorf("verified %v, remains %v", c.Verified, c.Remains)
	}
	if a, b := w.readings(anna), w.readings(bert); a != 0 || b != 30 {
		t.Errorf("%d readings of hers are stored, %d of his", a, b)
	}
	// What is packed stays, and the marks that there were keys.
	want := []string{
		"KV_registry $KV.registry.gone.acme.anna", "KV_registry $KV.registry.wearer.acme.anna", "KV_snooze $KV.snooze.acme.anna", "KV_tuning $KV.tuning.wearer.acme.anna",
		"READINGS readings.0", "READINGS readings.0", "ROLLUPS rollups.0", "ROLLUPS rollups.0",
	}
	got := slices.DeleteFunc(w.mentions("anna"), func(s string) bool { return strings.HasPrefix(s, "KV_ledger") }) // keys of a week
	if !slices.Equal(got, want) {
		t.Errorf("she is still mentioned in %q", got)
	}
	for _, d := range []schemas.ID{band, belt} {
		if who, known := w.registry.Resolve(acme, d, w.began.Add(2*time.Minute).UnixMilli()); !known || !who.IsZero() {
			t.Errorf("%s is worn by %q, known %v", d, who, known)
		}
	}
	if d, _ := w.registry.Device(acme, belt); len(d.Assignments) != 1 || d.Assignments[0].Wearer != bert {
		t.Errorf("of belt is known %+v", d)
	}
	if h := w.tuning.History(tuning.Scope{Org: acme, Wearer: anna}); len(h) != 0 {
		t.Errorf("her parameters are %v", h)
	}
	if h := w.tuning.History(tuning.Scope{Org: acme, Wearer: bert}); len(h) != 1 {
		t.Errorf("his parameters are %v", h)
	}
	if a, b := w.onDisk("anna"), w.onDisk("bert"); a != 0 || b == 0 {
		t.Errorf("she is named %d times in the files of streams, he %d times", a, b)
	}
	w.again(bert)
}

// onDisk counts how often a name stands in the files of the streams with messages of a
// wearer's own.
func (w *world) onDisk(name string) (n int) {
	w.t.Helper()
	streams := 0
	w.must(filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains([]string{schemas.StreamFindings, schemas.StreamNudges, schemas.StreamReplies, schemas.StreamQuarantine}, d.Name()) {
			streams++
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".blk") || strings.Contains(path, "KV_") || strings.Contains(path, "READINGS") || strings.Contains(path, "ROLLUPS") {
			return nil //nolint:nilerr // the server replaces files meanwhile
		}
		b, err := os.ReadFile(path)
		n += strings.Count(string(b), name)
		return err
	}))
	if streams != 4 {
		w.t.Errorf("%d of 4 streams have a folder", streams)
	}
	return n
}

// again asks for her a second time, and for her log again.
func (w *world) again(bert schemas.ID) {
	w.t.Helper()
	if _, err := erasure.Ask(w.t.Context(), w.log.Conn(), acme, anna); !errors.Is(err, erasure.ErrUnknown) {
		w.t.Errorf("asked again: %v", err)
	}
	for _, stream := range []string{schemas.StreamReadings, schemas.StreamRollups} {
		w.must(w.store.Rewind(w.t.Context(), stream))
	}
	w.live(anna, band, 200, 10) // what was under way
	w.live(bert, belt, 200, 1)
	w.must(w.settle(w.t.Context()))
	if a, b := w.readings(anna), w.readings(bert); a != 0 || b != 31 {
		w.t.Errorf("after the log came again %d readings of hers are stored, %d of his", a, b)
	}
}

// A crash after any step is mended by asking again.
func TestAskedAgainAfterAnyStep(t *testing.T) {
	w := newWorld(t)
	w.live(anna, band, 0, 20)
	for stop := 0; ; stop++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		steps := 0
		_, err := w.Erase(ctx, acme, anna, func(string) {
			if steps == stop {
				cancel(errStop)
			}
			steps++
		})
		cancel(nil)
		if err == nil {
			break
		}
		if !errors.Is(context.Cause(ctx), errStop) {
			t.Fatalf("stopped before step %d: %v", stop, err)
		}
		if who, _ := w.registry.Resolve(acme, band, w.began.Add(time.Second).UnixMilli()); !who.IsZero() {
			t.Fatalf("stopped before step %d, and %s is still taken for", stop, who)
		}
		if stop == 6 { // she is forgotten, and what remains is not looked at
			if _, err := w.Erase(t.Context(), acme, anna, nil); !errors.Is(err, erasure.ErrUnknown) {
				t.Errorf("after all steps: %v", err)
			}
			break
		}
	}
	if n := w.readings(anna); n != 0 {
		t.Errorf("%d readings are left", n)
	}
	for _, m := range w.mentions("anna") {
		if !strings.HasPrefix(m, "KV_") && !strings.HasPrefix(m, "READINGS") && !strings.HasPrefix(m, "ROLLUPS") {
			t.Errorf("she is mentioned in %s", m)
		}
	}
	if got, want := w.values("device.acme.band-1"), 1; got != want {
		t.Errorf("%d values of the device are kept", got)
	}
}

var errStop = errors.New("a crash")

// values counts what the registry's bucket keeps of a key.
func (w *world) values(key string) (n int) {
	w.t.Helper()
	w.must(w.log.Each(w.t.Context(), "KV_"+bus.BucketRegistry, []string{bus.KeySubject(bus.BucketRegistry, key)}, func(m bus.Msg) error {
		n++
		if strings.Contains(string(m.Data), "anna") {
			w.t.Errorf("%s has %s", key, m.Data)
		}
		return nil
	}))
	return n
}

// Somebody of whom something is stored may be erased without being registered.
func TestWhoIsStoredAndNotRegistered(t *testing.T) {
	w := newWorld(t)
	carl := schemas.MustID("carl")
	w.live(carl, band, 0, 20)
	w.must(w.settle(t.Context()))
	c, err := w.Erase(t.Context(), acme, carl, nil)
	if err != nil || c.Store.Readings != 20 {
		t.Errorf("%+v, %v", c.Store, err)
	}
	if _, err := w.Erase(t.Context(), acme, carl, nil); !errors.Is(err, erasure.ErrUnknown) {
		t.Errorf("again: %v", err)
	}
	if _, err := w.Erase(t.Context(), schemas.MustID("other"), anna, nil); !errors.Is(err, erasure.ErrUnknown) {
		t.Errorf("of another organisation: %v", err)
	}
}

// The marks of keys go by Sweep, and a key that has a value again keeps it.
func TestMarksAreSwept(t *testing.T) {
	w := newWorld(t)
	for _, id := range []schemas.ID{anna, bert} {
		_, err := w.Erase(t.Context(), acme, id, nil)
		w.must(err)
	}
	if err := w.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: bert}); !errors.Is(err, registry.ErrErased) {
		t.Errorf("added again at once: %v", err)
	}
	w.lapse(bert)
	w.must(w.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: bert}))
	w.must(erasure.Sweep(t.Context(), w.log)) // too young
	if m := w.mentions("bert"); slices.ContainsFunc(m, func(s string) bool { return strings.Contains(s, "gone") }) {
		t.Errorf("the time that has passed stays: %v", m)
	}
	w.lapse(anna)
	w.must(erasure.Sweep(t.Context(), w.log))
	if m := w.mentions("anna"); len(m) != 1 {
		t.Errorf("the mark is gone at once: %v", m)
	}
	w.must(w.log.Sweep(t.Context(), bus.BucketRegistry, -time.Minute))
	if m := w.mentions("anna"); len(m) != 0 {
		t.Errorf("the mark stays: %v", m)
	}
	if m := w.mentions("bert"); len(m) == 0 {
		t.Errorf("who is registered again is gone: %v", m)
	}
	w.must(w.registry.AddWearer(t.Context(), registry.Wearer{Org: acme, ID: anna})) // the copy goes on
	if _, ok := w.registry.Wearer(acme, anna); !ok {
		t.Error("she cannot be registered again")
	}
}

// lapse lets the time pass in which an id is refused.
func (w *world) lapse(id schemas.ID) {
	w.t.Helper()
	kv, err := w.log.KV(w.t.Context(), bus.BucketRegistry)
	w.must(err)
	past, err := json.Marshal(time.Now().Add(-time.Second))
	w.must(err)
	_, err = kv.Put(w.t.Context(), "gone.acme."+id.String(), past)
	w.must(err)
}

func TestNobodyAnswers(t *testing.T) {
	_, log := brokertest.Start(t)
	if _, err := erasure.Ask(t.Context(), log.Conn(), acme, anna); err == nil || !strings.Contains(err.Error(), "nobody erases here") {
		t.Errorf("without a server: %v", err)
	}
	sub, err := log.Conn().SubscribeSync(erasure.Subject)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = sub.NextMsg(time.Minute)
		cancel()
	}()
	if _, err := erasure.Ask(ctx, log.Conn(), acme, anna); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// The request is checked; a second one waits for nobody.
func TestRequestsAreCheckedAndOneAtATime(t *testing.T) {
	w := newWorld(t)
	held, release := make(chan struct{}), make(chan struct{})
	w.Settle = func(context.Context) error { close(held); <-release; return nil }
	stop, err := w.Serve(w.log.Conn())
	w.must(err)
	first := make(chan error, 1)
	go func() {
		_, err := erasure.Ask(context.Background(), w.log.Conn(), acme, anna)
		first <- err
	}()
	<-held
	if _, err := erasure.Ask(t.Context(), w.log.Conn(), acme, bert); err == nil || !strings.Contains(err.Error(), "right now") {
		t.Errorf("a second one: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first one: %v", err)
	}
	m, err := w.log.Conn().Request(erasure.Subject, []byte(`{"org":"acme"}`), 30*time.Second)
	w.must(err)
	var a erasure.Answer
	if err := json.Unmarshal(m.Data, &a); err != nil || !a.Done || !strings.Contains(a.Error, "names no") {
		t.Errorf("%s, %v", m.Data, err)
	}
	w.must(stop(t.Context()))
}
