package influx

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"2026-11-02T09:00:00Z", "2026-11-02T09:00:00.000023757Z", "1677-09-21T00:12:43.146Z", "2262-04-11T23:47:16.853Z", "2024-02-29T23:59:59.9Z",
		"1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "2026-11-02T09:00:00.Z", "2026-13-02T09:00:00Z", "2026-11-02 09:00:00Z", "", "Z",
		"2026-11-02T09:00:00.1234567890Z", "2026-11-02T09:00:0 Z", "2026-11-02T09:00:00+01:00",
		"2262-04-11T3:47:18.853Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseTime(s)
		want, no := time.Parse(time.RFC3339Nano, s)
		// The library takes more than the server sends, such as an hour of one digit.
		if no == nil && len(s) > 13 && s[13] == ':' && strings.HasSuffix(s, "Z") && strings.IndexByte(s, '.') != 20 && !strings.Contains(s, ",") && within(want) && len(s) <= 30 && err != nil {
			t.Errorf("%s: %v", s, err)
		}
		if err == nil && no == nil && within(want) && got != want.UnixNano() {
			t.Errorf("%s is %d, want %d", s, got, want.UnixNano())
		}
	})
}

// within reports whether the server may have a time.
func within(t time.Time) bool {
	return !t.Before(time.Unix(0, minNanos)) && !t.After(time.Unix(0, maxNanos))
}

// An answer has tables of several kinds; texts may have anything in them.
func TestRowsAreRead(t *testing.T) {
	const answer = "#datatype,string,long,dateTime:RFC3339,long\r\n,result,table,_time,_value\r\n,_result,0,2026-11-02T09:00:00.5Z,7\r\n,_result,0,2026-11-02T09:00:01Z,-8\r\n\r\n" +
		"#datatype,string,long,string,double\r\n,result,table,_value,seconds\r\n,x,1,\"a,\"\"b\"\"\r\nc\",1.5\r\n,x,1,,\r\n"
	var got []string
	err := readRows(strings.NewReader(answer), func(r *row) error {
		switch {
		case r.text(colResult) == "_result":
			got = append(got, fmt.Sprint(r.time(colTime)-monday.UnixNano(), r.int(colValue), r.has(colTime, colValue), r.has("seconds"), r.text("none")))
		case r.has("seconds"):
			got = append(got, fmt.Sprintf("%q %v", r.text(colValue), r.float("seconds")))
		default:
			got = append(got, fmt.Sprintf("%q", r.text(colValue)))
		}
		return nil
	})
	want := []string{"500000000 7 true false", "1000000000 -8 true false", `"a,\"b\"\nc" 1.5`, `""`}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("rows are %q, %v, want %q", got, err, want)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	stop := errors.New("stop")
	read := func(r *row) error { r.int(colValue); return nil }
	const head = "#datatype,string,long,long\r\n,result,table,_value\r\n"
	for _, c := range []struct {
		answer, want string
		each         func(*row) error
	}{
		{head + ",x,0,7\r\n\r\n#datatype,string,string\r\n,error,reference\r\n,\"failed to read, sorry\",897\r\n", "failed to read, sorry", read},
		{head + ",x,0,seven\r\n", "_value", read},
		{head + ",x,0,\r\n", "_value", read},
		{head + ",x,0,\"7\r\n", "answer", read},
		{head + ",x,0,7\r\n", "stop", func(*row) error { return stop }},
		{head + ",x,0,7\r\n", "no time", func(r *row) error { r.time(colValue); return nil }},
		{head + ",x,0,7\r\n", "_field", func(r *row) error { r.float(colField); return nil }},
	} {
		if err := readRows(strings.NewReader(c.answer), c.each); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q gave %v, want %q", c.answer, err, c.want)
		}
	}
}
