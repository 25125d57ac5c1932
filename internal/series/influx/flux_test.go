package influx

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"sitwell/schemas"
)

// unquote reads a literal as Flux does, and knows no more of it than quote writes.
func unquote(t *testing.T, literal string) string {
	t.Helper()
	if len(literal) < 2 || literal[0] != '"' || literal[len(literal)-1] != '"' {
		t.Fatalf("%s is no literal", literal)
	}
	var out []byte
	for rest := literal[1 : len(literal)-1]; rest != ""; {
		if rest[0] != '\\' {
			if c := rest[0]; c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
				t.Fatalf("%s has %q as it is", literal, c)
			}
			out, rest = append(out, rest[0]), rest[1:]
			continue
		}
		b, err := hex.DecodeString(rest[2:4])
		if rest[1] != 'x' || err != nil {
			t.Fatalf("%s has %s", literal, rest[:4])
		}
		out, rest = append(out, b...), rest[4:]
	}
	return string(out)
}

// FuzzQuote: a literal is the text, whatever that is, and has nothing in it that could end it.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{
		"", "e1", "a b", `"`, `\`, `\"`, `")) |> drop(columns: ["org"]) //`, "${r.org}", "$", "{", "a\nb\r\n\t", "\x00\x1f\x7f", "ä€𝄞", "\xff\xfe", "a\xc3", "\u2028", strings.Repeat("x", 1000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := s
		if !utf8.ValidString(s) {
			want = strings.ToValidUTF8(s, "\uFFFD")
		}
		if got := unquote(t, quote(s)); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}

// What quote writes is what the server reads.
func TestTheServerReadsWhatQuoteWrites(t *testing.T) {
	b := newBench(t, nil)
	b.append(inLog(1, wear(ann, chest, 1, 0, 1)))
	for _, want := range []string{
		"e1", "a b", `"`, `\`, `\"`, `") or true //`, `")) |> drop(columns: ["org"]) //`, "${r.org}", "$", "{}", "a\nb\t", "\x1f\x7f", "ä€𝄞", "\u2028",
		strings.Repeat("x", 3000),
	} {
		f := b.store.all(bucketRaw, field(fieldRun)).pipe("map(fn: (r) => ({r with text: %s}))", quote(want))
		got := ""
		if err := b.store.query(t.Context(), f, func(r *row) error { got = strings.Clone(r.text("text")); return nil }); err != nil || got != want {
			t.Errorf("the server reads %q, %v, want %q", got, err, want)
		}
	}
}

// A query is written in the order that the server's storage does at once.
func TestQueriesAreWritten(t *testing.T) {
	from, to := monday.UnixNano(), monday.Add(time.Hour).UnixNano()
	f := new(flux)
	f.from("b", from, to, measurement("m"), tagIs(tagOrg, acme), fields("x", "y")).windows(time.Hour, time.Minute, countOf).keep(colTime).yield("a")
	f.from("b", minNanos-1, maxNanos+1).group().sum()
	const want = `from(bucket: "b")
|> range(start: 2026-11-02T09:00:00.000000000Z, stop: 2026-11-02T10:00:00.000000000Z)
|> filter(fn: (r) => (r["_measurement"] == "m" and r["org"] == "acme" and (r["_field"] == "x" or r["_field"] == "y")))
|> aggregateWindow(every: 3600000000000ns, offset: 60000000000ns, fn: count, createEmpty: false, timeSrc: "_start")
|> keep(columns: ["_time"])
|> yield(name: "a")
from(bucket: "b")
|> range(start: 1677-09-21T00:12:43.147000000Z, stop: 2262-04-11T23:47:16.853000000Z)
|> group()
|> sum()
`
	if f.String() != want {
		t.Errorf("the query is\n%s, want\n%s", f, want)
	}
	for _, c := range []struct {
		cond cond
		want string
	}{
		{both(), ""},
		{both(cond{}, cond{}), ""},
		{both(cond{}, field("x")), `(r["_field"] == "x")`},
		{either(), "false"},
		{tagIsOneOf(tagDevice, []schemas.ID{chest, hip}), `(r["device"] == "chest-1" or r["device"] == "hip-1")`},
		{both(tagIsNot(tagWearer, ann), valueAbove(-3), valueIs(`"`)), `(r["wearer"] != "ann" and r["_value"] > -3 and r["_value"] == "\x22")`},
	} {
		if c.cond.text != c.want {
			t.Errorf("the condition is %s, want %s", c.cond.text, c.want)
		}
	}
}

// What the server refuses, at once or in the middle of its answer, is an error that says it.
func TestQueriesThatFail(t *testing.T) {
	b := newBench(t, nil)
	none := func(*row) error { return nil }
	f := new(flux)
	f.text.WriteString(`nonsense(`)
	if err := b.store.query(t.Context(), f, none); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("nonsense gave %v", err)
	}
	b.append(inLog(1, wear(ann, chest, 1, 0, 10)))
	late := b.store.all(bucketRaw).pipe(`map(fn: (r) => ({r with _value: if r._field == %s then int(v: "x") else 1}))`, quote(fieldRun))
	if err := b.store.query(t.Context(), late, none); err == nil || !strings.Contains(err.Error(), `x`) {
		t.Errorf("an answer that fails gave %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.store.query(ended, b.store.all(bucketRaw), none); err == nil || err.Error() != context.Canceled.Error() {
		t.Errorf("a query that is over before it begins gave %v", err)
	}
	missing := new(flux).from("no-such-bucket", 0, 1)
	if err := b.store.query(t.Context(), missing, none); err == nil || !strings.Contains(err.Error(), "no-such-bucket") {
		t.Errorf("a bucket that is not there gave %v", err)
	}
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.store.query(t.Context(), b.store.all(bucketRaw), none); err == nil {
		t.Error("a query after Close gave no error")
	}
}
