package column

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sitwell/schemas"
)

// update packs the golden hour anew: only with another first byte, since files hold the old one.
var update = flag.Bool("update", false, "rewrite the golden files")

// golden has each field, both signs, gaps, an event and two runs.
func golden() []Run {
	var items []schemas.Item
	for i := range uint64(200) {
		r := reading(i, int64(i)*500, int16(i%40)-20)
		if i%50 == 7 {
			r.Fields = allFields
			r.Acc, r.LumbarPitch, r.HeadPitch = [3]int16{-3, 998, int16(i)}, 15, -70
			r.SittingS, r.Steps, r.Battery, r.Quality = uint32(i)*1000, 12, 88, 99
		}
		if i > 150 {
			r.Seq, r.Time = r.Seq+1000, r.Time+600_000
		}
		items = append(items, r)
	}
	return []Run{{Number: 3, Items: append(items, event(151, 75_250))}, {Number: 300, Items: []schemas.Item{reading(1<<53-1, 3_599_999, -1800)}}}
}

// TestStoredHoursStayReadable reads an hour as the first build packed it.
func TestStoredHoursStayReadable(t *testing.T) {
	file := filepath.Join("testdata", "hour1.hex")
	runs := golden()
	packed, got := turn(t, runs)
	same(t, got, runs)
	if *update {
		if err := os.WriteFile(file, []byte(hex.EncodeToString(packed)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = readAll(stored); err != nil {
		t.Fatal(err)
	}
	same(t, got, runs)
}
