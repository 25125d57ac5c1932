package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"sitwell/schemas"
)

// Limits say how many bytes the log may hold; 0 is the default. What does not
// fit is refused and so never acknowledged. A limit that is below what is stored
// deletes nothing: nothing more is taken until there is room, by age.
type Limits struct {
	Readings int64 // the stream of readings, default 10 GiB
	Others   int64 // each of the other streams and buckets, default 2 GiB
	MQTT     int64 // what the broker took and ingest has not, default 1 GiB
}

// The default limits.
const (
	DefaultReadings = 10 << 30
	DefaultOthers   = 2 << 30
	DefaultMQTT     = 1 << 30
)

func (l Limits) withDefaults() Limits {
	return Limits{
		Readings: cmp.Or(l.Readings, DefaultReadings), Others: cmp.Or(l.Others, DefaultOthers), MQTT: cmp.Or(l.MQTT, DefaultMQTT),
	}
}

// keep is how long the log keeps messages, and so how long a process may be away
// before it misses something; the store keeps the data itself.
const keep = 72 * time.Hour

// quarantineBytes bounds refused input. A flood of it pushes the oldest out, so
// that it cannot block good input.
const quarantineBytes = 1 << 30

// memoryBytes bounds the bucket in memory: a thousand members need a tenth of it.
const memoryBytes = 4 << 20

func stream(name, subject string, bytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: name, Subjects: []string{subject}, MaxAge: keep, MaxBytes: bytes, Storage: jetstream.FileStorage,
		// What does not fit is refused, and so not acknowledged: never drop
		// what has been taken.
		Discard: jetstream.DiscardNew, Duplicates: 10 * time.Minute, AllowDirect: true,
	}
}

// streams are those beside READINGS.
func streams(l Limits) []jetstream.StreamConfig {
	quarantine := stream(schemas.StreamQuarantine, "quarantine.*", quarantineBytes)
	quarantine.MaxAge, quarantine.Discard = schemas.MaxAge, jetstream.DiscardOld // as long as raw readings
	return append([]jetstream.StreamConfig{
		stream(schemas.StreamFindings, "findings.*.*", l.Others),
		stream(schemas.StreamRollups, "rollups.*", l.Others),
		stream(schemas.StreamNudges, "nudges.*.*", l.Others),
		stream(schemas.StreamReplies, "replies.*.*", l.Others),
		quarantine,
	}, mqttStreams(l.MQTT)...)
}

// mqttStreams are those of the broker's MQTT listener, which would make them
// without limits when its first client connects, and takes them as it finds
// them. A publish that does not fit is not acknowledged, and its client is
// disconnected. The messages' stream keeps what some session still waits for,
// for as long as the log: the nudges for a device that never comes back must not
// fill it.
func mqttStreams(bytes int64) []jetstream.StreamConfig {
	s := func(name, subject string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subject}, Storage: jetstream.FileStorage, MaxBytes: bytes, Discard: jetstream.DiscardNew, Replicas: 1,
		}
	}
	messages, releases := s("$MQTT_msgs", "$MQTT.msgs.>"), s("$MQTT_out", "$MQTT.out.>")
	messages.Retention, releases.Retention = jetstream.InterestPolicy, jetstream.InterestPolicy
	messages.MaxAge, releases.MaxAge = keep, keep
	sessions, retained, exactly := s("$MQTT_sess", "$MQTT.sess.>"), s("$MQTT_rmsgs", "$MQTT.rmsgs.>"), s("$MQTT_qos2in", "$MQTT.qos2.in.>")
	sessions.MaxMsgsPerSubject, retained.MaxMsgsPerSubject, exactly.MaxMsgsPerSubject = 1, 1, 1
	exactly.DiscardNewPerSubject, exactly.MaxAge = true, keep
	return []jetstream.StreamConfig{messages, releases, sessions, retained, exactly}
}

func buckets(l Limits) []jetstream.KeyValueConfig {
	all := []jetstream.KeyValueConfig{
		{Bucket: BucketRegistry, History: 5},
		{Bucket: BucketCheckpoints},
		{Bucket: BucketLedger, TTL: 7 * 24 * time.Hour},
		{Bucket: BucketSnooze, TTL: 48 * time.Hour},
		{Bucket: BucketDevices},
		{Bucket: BucketTuning},
		// Who is silent for a minute has gone long since: the keys go by themselves.
		{Bucket: BucketMembers, Storage: jetstream.MemoryStorage, TTL: time.Minute},
		{Bucket: BucketLeases},
		{Bucket: BucketClocks, TTL: schemas.MaxAge + 24*time.Hour},
	}
	for i := range all {
		all[i].MaxBytes = l.Others
		if all[i].Storage == jetstream.MemoryStorage {
			all[i].MaxBytes = memoryBytes // the server sets that much aside
		}
	}
	return all
}

// ensure creates what is missing and brings the limits of the rest up to date.
func (b *Bus) ensure(ctx context.Context) error {
	for _, s := range streams(b.limits) {
		if err := b.ensureStream(ctx, s); err != nil {
			return err
		}
	}
	for _, k := range buckets(b.limits) {
		if err := b.ensureBucket(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bus) ensureStream(ctx context.Context, want jetstream.StreamConfig) error {
	s, err := b.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err = b.js.CreateStream(ctx, want); err == nil || !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return wrap(err, "create stream %s", want.Name)
		}
		s, err = b.js.Stream(ctx, want.Name) // somebody else has just made it
	}
	if err != nil {
		return fmt.Errorf("open stream %s: %w", want.Name, err)
	}
	return b.adapt(ctx, s.CachedInfo().Config, want)
}

// adapt changes a stream's limits where they differ, and only there: the server
// writes its configuration at each update, whether it changed or not.
func (b *Bus) adapt(ctx context.Context, have, want jetstream.StreamConfig) error {
	next := have
	next.Subjects, next.MaxAge, next.MaxBytes, next.Discard = want.Subjects, want.MaxAge, want.MaxBytes, want.Discard
	if want.Duplicates != 0 {
		next.Duplicates = want.Duplicates
	}
	if reflect.DeepEqual(next, have) {
		return nil
	}
	_, err := b.js.UpdateStream(ctx, next)
	return wrap(err, "change limits of stream %s", want.Name)
}

func (b *Bus) ensureBucket(ctx context.Context, want jetstream.KeyValueConfig) error {
	s, err := b.js.Stream(ctx, "KV_"+want.Bucket)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		_, err = b.js.CreateOrUpdateKeyValue(ctx, want)
		return wrap(err, "create bucket %s", want.Bucket)
	}
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", want.Bucket, err)
	}
	have := s.CachedInfo().Config
	next := have
	next.MaxAge, next.MaxBytes = want.TTL, want.MaxBytes
	if next.MaxAge > 0 {
		next.Duplicates = min(next.Duplicates, next.MaxAge)
	}
	return b.adapt(ctx, have, next)
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// readings opens or creates the readings' stream, which keeps the partition count.
func (b *Bus) readings(ctx context.Context, partitions int) (int, error) {
	want := stream(schemas.StreamReadings, "readings.*", b.limits.Readings)
	want.Metadata = map[string]string{partitionsKey: strconv.Itoa(partitions)}
	if err := b.ensureStream(ctx, want); err != nil {
		return 0, err
	}
	s, err := b.js.Stream(ctx, schemas.StreamReadings)
	if err != nil {
		return 0, fmt.Errorf("open stream %s: %w", schemas.StreamReadings, err)
	}
	return partitionsOf(s)
}

func partitionsOf(s jetstream.Stream) (int, error) {
	n, err := strconv.Atoi(s.CachedInfo().Config.Metadata[partitionsKey])
	if err != nil || n < 1 {
		return 0, fmt.Errorf("stream %s does not say its partition count in metadata %s", schemas.StreamReadings, partitionsKey)
	}
	return n, nil
}
