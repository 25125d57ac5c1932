package schemas_test

import (
	"strings"
	"testing"

	"sitwell/schemas"
)

func replyRows() []itemRow {
	row := func(name, members string, want schemas.Reason) itemRow {
		return itemRow{name, `{"schema":"sitwell.reply.v1"` + members + `}`, want}
	}
	return []itemRow{
		row("done", `,"action":"done","nudge":"9275b58fdbd9afd8-2"`, ""),
		row("snooze", `,"action":"snooze","minutes":30`, ""),
		row("snooze that says no minutes", `,"action":"snooze"`, ""),
		row("unknown field", `,"action":"done","mood":{"a":[1]}`, ""),
		row("snooze for 11", `,"action":"snooze","minutes":11`, schemas.OutOfRange),
		row("snooze for -10", `,"action":"snooze","minutes":-10`, schemas.OutOfRange),
		row("snooze for 10.5", `,"action":"snooze","minutes":10.5`, schemas.WrongType),
		row("snooze for 1e400", `,"action":"snooze","minutes":1e400`, schemas.WrongType),
		row("minutes a text", `,"action":"snooze","minutes":"10"`, schemas.WrongType),
		row("unknown action", `,"action":"dance"`, schemas.BadValue),
		row("no action", ``, schemas.BadValue),
		row("nudge a wildcard", `,"action":"done","nudge":"a.*"`, schemas.BadValue),
		row("nudge too long", `,"action":"done","nudge":"`+strings.Repeat("a", 64)+`"`, schemas.BadValue),
		row("key twice", `,"action":"done","action":"done"`, schemas.DuplicateKey),
		row("too deep", `,"action":"done","x":`+deep(8), schemas.TooDeep),
		row("too many keys", members(64), schemas.TooManyKeys),
		{"no schema", `{"action":"done"}`, schemas.MissingField},
		{"another version", `{"schema":"sitwell.reply.v2","action":"done"}`, schemas.UnknownSchema},
		{"empty", "", schemas.Empty},
		{"too large", strings.Repeat(" ", schemas.MaxPayload+1), schemas.TooLarge},
		{"text", "done", schemas.NotJSON},
		{"truncated", `{"schema":"sitwell.reply.v1"`, schemas.NotJSON},
		{"invalid UTF-8", "{\"schema\":\"\xff\"}", schemas.NotJSON},
		{"trailing data", `{"schema":"sitwell.reply.v1","action":"done"} 1`, schemas.TrailingData},
		{"array", `[]`, schemas.WrongType},
		{"number", `1`, schemas.WrongType},
	}
}

func TestReplies(t *testing.T) {
	for _, c := range replyRows() {
		t.Run(c.name, func(t *testing.T) {
			_, err := schemas.DecodeReply([]byte(c.json))
			checkReason(t, err, c.want)
		})
	}
	if r, err := schemas.DecodeReply([]byte(`{"schema":"sitwell.reply.v1","action":"snooze"}`)); err != nil || r.Minutes != 10 {
		t.Errorf("a snooze that says no minutes: %+v, %v; want 10", r, err)
	}
}

func statusRows() []itemRow {
	row := func(name, members string, want schemas.Reason) itemRow {
		return itemRow{name, `{"schema":"sitwell.status.v1"` + members + `}`, want}
	}
	return []itemRow{
		row("birth", `,"online":true,"mount":"chest","firmware":"1.2","sampling_hz":50`, ""),
		row("last will", `,"online":false`, ""),
		row("does not say online", ``, schemas.MissingField),
		row("online null", `,"online":null`, schemas.MissingField),
		row("online a number", `,"online":1`, schemas.WrongType),
		row("mount too long", `,"online":true,"mount":"`+strings.Repeat("x", 101)+`"`, schemas.BadValue),
		row("firmware too long", `,"online":true,"firmware":"`+strings.Repeat("x", 101)+`"`, schemas.BadValue),
		row("sampling below 0", `,"online":true,"sampling_hz":-1`, schemas.OutOfRange),
		row("sampling over 10 kHz", `,"online":true,"sampling_hz":10001`, schemas.OutOfRange),
		row("key twice", `,"online":true,"online":true`, schemas.DuplicateKey),
		{"no schema", `{"online":true}`, schemas.MissingField},
		{"another version", `{"schema":"sitwell.status.v2","online":true}`, schemas.UnknownSchema},
		{"empty", "", schemas.Empty},
		{"too large", strings.Repeat(" ", schemas.MaxPayload+1), schemas.TooLarge},
		{"trailing data", `{"schema":"sitwell.status.v1","online":true}x`, schemas.TrailingData},
	}
}

func TestStatuses(t *testing.T) {
	for _, c := range statusRows() {
		t.Run(c.name, func(t *testing.T) {
			_, err := schemas.DecodeStatus([]byte(c.json))
			checkReason(t, err, c.want)
		})
	}
}

func checkReason(t *testing.T, err error, want schemas.Reason) {
	t.Helper()
	if want == "" && err == nil {
		return
	}
	if r := schemas.AsRefusal(err); r == nil || r.Reason != want || r.Detail == "" || len(r.Detail) > 300 {
		t.Errorf("got %v, want %q", err, want)
	}
}
