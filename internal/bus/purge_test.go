package bus_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/schemas"
)

// onDisk counts how often a word stands in the files of a folder.
func onDisk(t *testing.T, dir, word string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // the server replaces files meanwhile; the log's own stay
		}
		b, err := os.ReadFile(path)
		n += bytes.Count(b, []byte(word))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// written waits until the server has written a word so often.
func written(t *testing.T, dir, word string, times int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); onDisk(t, dir, word) < times; {
		if time.Now().After(deadline) {
			t.Fatalf("%q is written %d times, not %d", word, onDisk(t, dir, word), times)
		}
	}
}

// What is purged or overwritten is in no file of the log any more, whatever
// lies around it; of others all is there, also after a restart.
func TestWhatIsRemovedLeavesNoBytes(t *testing.T) {
	dir := t.TempDir()
	server := brokertest.Broker(t, dir)
	server.Admit()
	log := brokertest.Bus(t, server)
	ctx := t.Context()
	hers, his := schemas.FindingsSubject(schemas.MustID("acme"), schemas.MustID("anna")), schemas.FindingsSubject(schemas.MustID("acme"), schemas.MustID("bert"))
	for i := range 200 {
		for subject, word := range map[string]string{hers: "secret-of-anna", his: "secret-of-bert"} {
			if err := log.Publish(ctx, subject, fmt.Appendf(nil, `{"n":%d,"is":%q}`, i, word), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	written(t, dir, "secret-of-anna", 200)
	written(t, dir, "secret-of-bert", 200)
	if was, err := log.Overwrite(ctx, schemas.StreamFindings, 400); err != nil || !was {
		t.Errorf("the last one was there: %v, %v", was, err)
	}
	if was, err := log.Overwrite(ctx, schemas.StreamFindings, 400); err != nil || was {
		t.Errorf("the last one is there again: %v, %v", was, err)
	}
	n, err := log.Purge(ctx, schemas.StreamFindings, hers, 400)
	if err != nil || n < 199 {
		t.Errorf("%d are purged, %v", n, err)
	}
	if got := onDisk(t, dir, "secret-of-anna"); got != 0 {
		t.Errorf("hers stands %d times in the files", got)
	}
	server.Stop()
	again := brokertest.Broker(t, dir)
	again.Admit()
	left := 0
	if err := brokertest.Bus(t, again).Each(ctx, schemas.StreamFindings, []string{his}, func(bus.Msg) error { left++; return nil }); err != nil || left+int(n) != 399 {
		t.Errorf("%d of his are left and %d of hers purged of 399, %v", left, n, err)
	}
}
