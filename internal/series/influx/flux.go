package influx

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sitwell/schemas"
)

// flux is a query in Flux, made of the parts below and of nothing else: what comes from
// outside becomes part of it as an identifier that was parsed, a number, a time, or a text
// that quote wrote.
type flux struct{ text strings.Builder }

// Bounds of a range that has all.
const (
	minNanos = minMillis * nanosInMilli
	maxNanos = maxMillis * nanosInMilli
)

// from begins a pipe: the points of a bucket of from <= time < to, in nanoseconds, for
// which all conditions hold. A flux may have several, each with a name of its own, which
// yield ends. The order is that which the server does in its storage: range, filter, and
// then what groups or sums.
func (f *flux) from(bucket string, from, to int64, all ...cond) *flux {
	fmt.Fprintf(&f.text, "from(bucket: %s)\n|> range(start: %s, stop: %s)\n", quote(bucket), timeOf(from), timeOf(to))
	if c := both(all...); c.text != "" {
		f.pipe("filter(fn: (r) => %s)", c.text)
	}
	return f
}

func (f *flux) pipe(format string, args ...any) *flux {
	fmt.Fprintf(&f.text, "|> "+format+"\n", args...)
	return f
}

// keep leaves these columns alone.
func (f *flux) keep(columns ...string) *flux { return f.pipe("keep(columns: %s)", literals(columns)) }

// group makes one table for each combination of these columns' values, one of all for none.
func (f *flux) group(columns ...string) *flux {
	if len(columns) == 0 {
		return f.pipe("group()")
	}
	return f.pipe("group(columns: %s)", literals(columns))
}

// first, last, count and sum reduce each table to one row.
func (f *flux) first() *flux { return f.pipe("first()") }
func (f *flux) last() *flux  { return f.pipe("last()") }
func (f *flux) count() *flux { return f.pipe("count()") }
func (f *flux) sum() *flux   { return f.pipe("sum()") }

// distinct leaves each value once, of each table.
func (f *flux) distinct() *flux { return f.pipe("distinct()") }

// pivot makes one row of the fields of a point, a column for each. It is for few points.
func (f *flux) pivot() *flux {
	return f.pipe("pivot(rowKey: %s, columnKey: %s, valueColumn: %s)", literals([]string{colTime}), literals([]string{colField}), quote(colValue))
}

// reducer is a function of the values of a window.
type reducer string

const (
	lastOf  reducer = "last"
	countOf reducer = "count"
	sumOf   reducer = "sum"
)

// windows reduces each table by windows of a length that begin at offset after 1970, to a
// row for each window that has a value; its _time is the window's start. Where the range
// begins within a window, it is the range's.
func (f *flux) windows(length, offset time.Duration, reduce reducer) *flux {
	return f.pipe("aggregateWindow(every: %s, offset: %s, fn: %s, createEmpty: false, timeSrc: %s)",
		durationOf(length), durationOf(offset), string(reduce), quote(colStart))
}

// yield ends a pipe. Its rows have the name in their column "result".
func (f *flux) yield(name string) *flux { return f.pipe("yield(name: %s)", quote(name)) }

// String is the query as it is sent.
func (f *flux) String() string { return f.text.String() }

// The columns of the server's own.
const (
	colTime        = "_time"
	colStart       = "_start"
	colValue       = "_value"
	colField       = "_field"
	colMeasurement = "_measurement"
	colResult      = "result"
)

// cond is a condition that a row is held against.
type cond struct{ text string }

func compare(column, operator, literal string) cond {
	return cond{fmt.Sprintf("r[%s] %s %s", quote(column), operator, literal)}
}

func measurement(name string) cond            { return compare(colMeasurement, "==", quote(name)) }
func field(name string) cond                  { return compare(colField, "==", quote(name)) }
func tagIs(tag string, value schemas.ID) cond { return compare(tag, "==", quote(value.String())) }

func tagIsNot(tag string, value schemas.ID) cond { return compare(tag, "!=", quote(value.String())) }
func tagIsText(tag, value string) cond           { return compare(tag, "==", quote(value)) }
func valueIs(text string) cond                   { return compare(colValue, "==", quote(text)) }
func valueAbove(n int64) cond                    { return compare(colValue, ">", strconv.FormatInt(n, 10)) }
func fields(names ...string) cond                { return eachOf(names, field) }
func measurements(names ...string) cond          { return eachOf(names, measurement) }
func tagIsOneOf(tag string, values []schemas.ID) cond {
	return eachOf(values, func(id schemas.ID) cond { return tagIs(tag, id) })
}

// eachOf is the condition that it holds for one of all.
func eachOf[T any](all []T, is func(T) cond) cond {
	conds := make([]cond, len(all))
	for i, v := range all {
		conds[i] = is(v)
	}
	return either(conds...)
}

// both is the condition that all of them hold, either that one does. Both of none always
// hold, and either of none never.
func both(all ...cond) cond {
	texts := make([]string, 0, len(all))
	for _, c := range all {
		if c.text != "" {
			texts = append(texts, c.text)
		}
	}
	if len(texts) == 0 {
		return cond{}
	}
	return cond{"(" + strings.Join(texts, " and ") + ")"}
}

func either(all ...cond) cond {
	if len(all) == 0 {
		return cond{"false"}
	}
	texts := make([]string, len(all))
	for i, c := range all {
		texts[i] = c.text
	}
	return cond{"(" + strings.Join(texts, " or ") + ")"}
}

// quote is a text as a literal of Flux. All but what cannot mean anything is written as
// bytes in hexadecimal, so that there is nothing that ends the literal or begins an
// expression in it ("${"). What is no UTF-8 cannot be in a stored text either.
func quote(s string) string {
	const hex = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, string(utf8.RuneError))
	}
	out := make([]byte, 0, len(s)+2)
	out = append(out, '"')
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' {
			out = append(out, c)
			continue
		}
		out = append(out, '\\', 'x', hex[c>>4], hex[c&15])
	}
	return string(append(out, '"'))
}

func literals(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// timeOf is a time in nanoseconds as a literal.
func timeOf(nanos int64) string {
	return time.Unix(0, min(max(nanos, minNanos), maxNanos)).UTC().Format("2006-01-02T15:04:05.000000000Z")
}

// durationOf is a duration as a literal.
func durationOf(d time.Duration) string { return strconv.FormatInt(int64(d), 10) + "ns" }
