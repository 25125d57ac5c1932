package ledger_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"sitwell/internal/ledger"
	"sitwell/schemas"
)

var (
	org    = schemas.MustID("acme")
	wearer = schemas.MustID("wren")
	band   = schemas.MustID("band-1")
)

func open(t *testing.T, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // a test may have closed it
	return l
}

func items(first uint64, n int) []schemas.Item {
	list := make([]schemas.Item, n)
	for i := range list {
		list[i].Reading = schemas.Reading{
			Seq: first + uint64(i), Time: 1_800_000_000_000 + 500*int64(first+uint64(i)),
			TrunkPitch: int16(i), Fields: schemas.HasTrunk | schemas.IsWorn,
		}
	}
	return list
}

func TestWhatIsWrittenDownIsThereAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	l := open(t, path)
	var group sync.WaitGroup
	for writer := range 20 {
		group.Go(func() {
			for n := range 10 {
				if err := l.Acked(org, wearer, band, uint32(writer), items(uint64(10*n), 10)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := l.Nudged(org, wearer, band, schemas.Nudge{Schema: schemas.SchemaNudge, ID: "e-2"}); err != nil {
		t.Fatal(err)
	}
	want := ledger.Counts{Acknowledged: 2000, Nudges: 1, Wearers: 1}
	if got := l.Counts(); got != want {
		t.Errorf("it holds %+v, want %+v", got, want)
	}
	// Another looks at the file as a crash would leave it, at any moment: the last
	// frame may be torn.
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, torn := range []int{0, 1, 7, 8, 20} {
		copied := filepath.Join(t.TempDir(), fmt.Sprint(torn))
		if err := os.WriteFile(copied, append(whole, whole[:torn]...), 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, copied)
		if got := again.Counts(); got != want {
			t.Errorf("with %d bytes of another frame it holds %+v, want %+v", torn, got, want)
		}
		if err := again.Acked(org, wearer, band, 99, items(0, 5)); err != nil {
			t.Error(err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		if got := open(t, copied).Counts(); got.Acknowledged != 2005 {
			t.Errorf("what was written behind a torn frame is not there: %+v", got)
		}
	}
}

func TestAClosedLedgerTakesNothing(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "ledger"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Acked(org, wearer, band, 1, items(0, 1)); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("it says %v", err)
	}
}
