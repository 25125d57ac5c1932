package broker_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sitwell/internal/broker"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/faults/disk"
	"sitwell/schemas"
)

func start(t *testing.T, dir string) (*broker.Broker, error) {
	t.Helper()
	b, err := broker.Start(t.Context(), brokertest.Options(dir))
	if err == nil {
		t.Cleanup(b.Stop)
	}
	return b, err
}

// TestAKillWhileLimitsChangeLosesNoStream leaves a stream as a kill does that
// comes between its configuration and the checksum of that.
func TestAKillWhileLimitsChangeLosesNoStream(t *testing.T) {
	for name, leave := range map[string]func(sum string) error{
		"the old checksum": func(string) error { return nil },
		"no checksum":      os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := start(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			w := writer{t: t, log: brokertest.Bus(t, b)}
			w.publish(t.Context(), 10)
			b.Stop()
			folder := filepath.Join(dir, "jetstream", "$G", "streams", schemas.StreamReadings)
			meta := filepath.Join(folder, "meta.inf")
			text, err := os.ReadFile(meta)
			if err != nil {
				t.Fatal(err)
			}
			changed := regexp.MustCompile(`"max_bytes":\d+`).ReplaceAllString(string(text), `"max_bytes":123456789`)
			if err := os.WriteFile(meta, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := leave(filepath.Join(folder, "meta.sum")); err != nil {
				t.Fatal(err)
			}
			if b, err = start(t, dir); err != nil {
				t.Fatal(err)
			}
			w.log = brokertest.Bus(t, b)
			w.check(t.Context())
			w.publish(t.Context(), 1)
			w.check(t.Context())
		})
	}
}

// TestAStartWithoutAStreamIsRefused: a stream that cannot be read must not be
// made anew over what it holds.
func TestAStartWithoutAStreamIsRefused(t *testing.T) {
	dir := t.TempDir()
	b, err := start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	w := writer{t: t, log: brokertest.Bus(t, b)}
	w.publish(t.Context(), 10)
	b.Stop()
	meta := filepath.Join(dir, "jetstream", "$G", "streams", schemas.StreamReadings, "meta.inf")
	good, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(meta, good[:len(good)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, dir); err == nil || !strings.Contains(err.Error(), schemas.StreamReadings) {
		t.Fatalf("a log with half a configuration was started: %v", err)
	}
	if err := os.WriteFile(meta, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err = start(t, dir); err != nil {
		t.Fatal(err)
	}
	w.log = brokertest.Bus(t, b)
	w.check(t.Context())
}

// TestAStartOnAFullDiskLosesNothing: whether it succeeds or not, all is there
// once there is room.
func TestAStartOnAFullDiskLosesNothing(t *testing.T) {
	dir := disk.Small(t, 64<<20)
	b, err := start(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	w := writer{t: t, log: brokertest.Bus(t, b)}
	in := take(t, b)
	b.Admit()
	d := device(t, b, "band-1")
	d.publish(20)
	in.check(t.Context(), d.acked)
	in.leave() // what comes now waits for it in the broker
	d.publish(20)
	w.publish(t.Context(), 50)
	b.Stop()
	ballast := disk.Fill(t, dir)
	if b, err = start(t, dir); err == nil {
		t.Log("the broker starts on a full disk")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if w.try(ctx) == nil {
			t.Log("and takes a message")
		}
		b.Stop()
	} else {
		t.Log(err)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if b, err = start(t, dir); err != nil {
		t.Fatal(err)
	}
	w.log = brokertest.Bus(t, b)
	w.check(t.Context())
	take(t, b).check(t.Context(), d.acked[20:])
}

// TestAPowerCutInAStreamsFirstMoments leaves its files without their content. It is
// made anew, unless a message had reached the disk.
func TestAPowerCutInAStreamsFirstMoments(t *testing.T) {
	for name, c := range map[string]struct {
		messages int
		refused  bool
	}{"nothing came": {0, false}, "messages came": {10, true}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			b, err := start(t, dir)
			if err != nil {
				t.Fatal(err)
			}
			w := writer{t: t, log: brokertest.Bus(t, b)}
			w.publish(t.Context(), c.messages)
			b.Stop()
			folder := filepath.Join(dir, "jetstream", "$G", "streams", schemas.StreamReadings)
			for _, file := range []string{"meta.inf", "meta.sum"} {
				if err := os.Truncate(filepath.Join(folder, file), 0); err != nil {
					t.Fatal(err)
				}
			}
			b, err = start(t, dir)
			if c.refused {
				if err == nil || !strings.Contains(err.Error(), schemas.StreamReadings) {
					t.Fatalf("a log with messages and no configuration was started: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.log = brokertest.Bus(t, b)
			w.publish(t.Context(), 1)
			w.check(t.Context())
		})
	}
}
