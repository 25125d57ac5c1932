package schemas_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"sitwell/schemas"
)

// encodesTheSame encodes, decodes and encodes again, which must give the same
// bytes: floats and times are kept to the last bit.
func encodesTheSame[T any](t *rapid.T, v T, encode func(*T) ([]byte, error), decode func([]byte) (T, error)) T {
	t.Helper()
	once, err := encode(&v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(once)
	if err != nil {
		t.Fatalf("%v: %s", err, once)
	}
	if twice, err := encode(&back); err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("%v\ngot  %q\nwant %q", err, twice, once)
	}
	return back
}

func TestJudgedComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := schemas.Judged{
			Rollups: rapid.SliceOfN(genRollup(), 0, 5).Draw(t, "rollups"),
			Late:    rapid.SliceOfN(genLate(), 0, 5).Draw(t, "late"),
		}
		got := encodesTheSame(t, want, (*schemas.Judged).Encode, schemas.DecodeJudged)
		same(t, got.Rollups, want.Rollups)
		same(t, got.Late, want.Late)
	})
}

// version1 is a message as builds before the late marks wrote it.
func version1(tb testing.TB, rollups []schemas.Rollup) []byte {
	tb.Helper()
	b, err := cbor.Marshal(rollups)
	if err != nil {
		tb.Fatal(err)
	}
	return append([]byte{1}, b...)
}

func TestJudgedOfVersion1IsRead(t *testing.T) {
	want := schemas.Rollup{Org: acme, Wearer: anna, Minute: 3, Sitting: 1.5, Breaks: 2}
	for name, message := range map[string][]byte{
		"as this build would write it": version1(t, []schemas.Rollup{want}),
		// [{1: "acme", 2: "anna", 3: 3, 4: 1.5, 11: 2}], written out: it must never change.
		"as it stands in logs": []byte("\x01\x81\xa5\x01\x64acme\x02\x64anna\x03\x03\x04\xfa\x3f\xc0\x00\x00\x0b\x02"),
	} {
		got, err := schemas.DecodeJudged(message)
		if err != nil || len(got.Rollups) != 1 || got.Rollups[0] != want || got.Late != nil {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
}

func TestUnknownPartsOfJudgedAreIgnored(t *testing.T) {
	b, err := cbor.Marshal(map[int]any{
		1:  []any{map[int]any{1: "acme", 2: "anna", 3: 3, 99: "more"}},
		2:  []any{map[int]any{3: "band-1", 5: 7, 6: 9, 99: []int{1}}},
		99: map[string]int{"more": 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := schemas.DecodeJudged(append([]byte{2}, b...))
	if err != nil || len(got.Rollups) != 1 || len(got.Late) != 1 {
		t.Fatalf("%v, %+v", err, got)
	}
	if r := (schemas.Rollup{Org: acme, Wearer: anna, Minute: 3}); got.Rollups[0] != r {
		t.Errorf("got %+v, want %+v", got.Rollups[0], r)
	}
	if l := (schemas.Late{Device: band, First: 7, Last: 9}); got.Late[0] != l {
		t.Errorf("got %+v, want %+v", got.Late[0], l)
	}
}

func TestJudgedRefusesWhatIsNone(t *testing.T) {
	for name, message := range map[string][]byte{"empty": {}, "version 0": {0, 0xa0}, "version 3": {3, 0xa0}} {
		if _, err := schemas.DecodeJudged(message); !errors.Is(err, schemas.ErrRecord) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, message := range map[string][]byte{
		"nothing behind the version":  {2},
		"a list in version 2":         {2, 0x80},
		"a map in version 1":          {1, 0xa0},
		"bytes behind it":             {2, 0xa0, 0},
		"a name that is none":         {2, 0xa1, 1, 0x81, 0xa1, 1, 0x61, 'A'},
		"cut off":                     {2, 0xa1, 1},
		"half of it good, then a bad": {2, 0xa2, 1, 0x81, 0xa1, 3, 3, 2, 3},
	} {
		if got, err := schemas.DecodeJudged(message); err == nil || got.Rollups != nil || got.Late != nil {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
}
