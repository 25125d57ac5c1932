package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/erasure"
	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
	"sitwell/schemas"
)

func TestMain(m *testing.M) { os.Exit(influxtest.Main(m)) }

// inInflux are options with the time series in an InfluxDB, by an operator's token.
func inInflux(t *testing.T, o app.Options, s *influxtest.Server) app.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, s.Token)
	o.Influx = app.InfluxOptions{URL: s.URL, Org: s.Org, Prefix: s.Prefix(t), TokenFile: file}
	return o
}

// write puts a token in place as an operator should: by a rename.
func write(t *testing.T, file, token string) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// call asks InfluxDB's own API and returns the answer.
func call(t *testing.T, s *influxtest.Server, method, path, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/api/v2/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+s.Token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s %s %v", method, path, resp.Status, b, err)
	}
	return string(b)
}

// device is band-1.
func device(t *testing.T, a *app.App) mqtt.Client {
	t.Helper()
	d := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(a.MQTT()).SetClientID("band-1"))
	wait(t, d.Connect())
	t.Cleanup(func() { d.Disconnect(100) })
	return d
}

// send publishes n readings, one a second, that end about now.
func send(t *testing.T, d mqtt.Client, from time.Time, first, n int) {
	t.Helper()
	for seq := first; seq < first+n; seq += 200 {
		if err := published(d, buffered(from, seq, min(200, first+n-seq))); err != nil {
			t.Fatal(err)
		}
	}
}

// count counts what a store has of ann.
func count(t *testing.T, s series.Reader) (readings, minutes int) {
	t.Helper()
	q := series.Query{Org: schemas.MustID("acme"), Wearer: schemas.MustID("ann"), From: time.Now().Add(-72 * time.Hour), To: time.Now().Add(time.Hour)}
	if err := s.Readings(t.Context(), q, func(series.Reading) error { readings++; return nil }); err != nil {
		t.Fatal(err)
	}
	rollups, err := s.Rollups(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return readings, len(rollups)
}

// All roles in one process: what devices send is in InfluxDB, a day may be rebuilt
// there, what the server does not take is in quarantine, and who is erased is gone.
func TestTimeSeriesInInfluxDB(t *testing.T) {
	server := influxtest.Start(t)
	o := inInflux(t, options(t.TempDir()), server)
	a, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	ready(t, a, "")
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
	enrolSince(t, a.Registry(), day)
	d := device(t, a)
	const n, size = 1200, 200
	for _, first := range []int{0, 400, 600, 800, 1000, 200} { // the second one comes too late
		if err := published(d, buffered(day.Add(8*time.Hour), first, size)); err != nil {
			t.Fatal(err)
		}
	}
	if s := settled(t, a.Bus()); s.Readings != n || s.Rollups == 0 {
		t.Errorf("of %d readings: %+v", n, s)
	}
	awaitMinute(t, a, day.Add(8*time.Hour).Unix()/60+n/60-1, 59)
	if answer := recomputed(t, a, day); answer.Error != "" || answer.Report.Late != size || answer.Report.Readings != n || !answer.Report.Changed() {
		t.Errorf("recomputed: %s %+v", answer.Error, answer.Report)
	}
	if answer := recomputed(t, a, day); answer.Error != "" || answer.Report.Changed() {
		t.Errorf("recomputed again: %s %+v", answer.Error, answer.Report)
	}
	if _, err := os.Stat(filepath.Join(a.Data(), "series")); !os.IsNotExist(err) {
		t.Errorf("there is an embedded store: %v", err)
	}
	refusedByTheServer(t, server, a, d, o.Influx.Prefix)
	erased(t, server, a, o.Influx.Prefix)
}

// refusedByTheServer makes the server take no reading of the lumbar pitch, which is
// a text there today, and sends one among others.
func refusedByTheServer(t *testing.T, server *influxtest.Server, a *app.App, d mqtt.Client, prefix string) {
	t.Helper()
	before, _ := count(t, a.Store())
	at := time.Now().UTC()
	query := "write?" + url.Values{"org": {server.Org}, "bucket": {prefix + "_raw"}}.Encode()
	call(t, server, http.MethodPost, query, fmt.Sprintf(`readings,org=x,wearer=y,device=z lumbar="text" %d`, at.UnixNano()))
	message := fmt.Sprintf(`{"schema":"sitwell.readings.v1","boot":8,"sent":%q,"readings":[`, at.Format(time.RFC3339Nano))
	for seq, lumbar := range []string{"", `"lumbar_pitch_deg":3,`, ""} {
		message += fmt.Sprintf(`{"seq":%d,"time":%q,%s"trunk_pitch_deg":2,"trunk_roll_deg":0,"worn":true},`, seq, at.Add(time.Duration(seq)*time.Millisecond).Format("2006-01-02T15:04:05.000Z"), lumbar)
	}
	if err := published(d, strings.TrimSuffix(message, ",")+"]}"); err != nil {
		t.Fatal(err)
	}
	settled(t, a.Bus())
	if after, _ := count(t, a.Store()); after != before+2 {
		t.Errorf("%d readings are stored of three of which one is refused", after-before)
	}
	var kept []schemas.Quarantined
	must(t, a.Bus().Each(t.Context(), schemas.StreamQuarantine, nil, func(m bus.Msg) error {
		q, err := schemas.DecodeQuarantined(m.Data)
		kept = append(kept, q)
		return err
	}))
	if len(kept) != 1 || kept[0].Reason != schemas.StoreRefused || kept[0].Topic != "sitwell/v1/acme/band-1/readings" || kept[0].Readings != 1 ||
		!strings.Contains(string(kept[0].Payload), `"lumbar_pitch_deg":3`) || !strings.Contains(kept[0].Detail, "conflict") {
		t.Errorf("in quarantine is %+v", kept)
	}
}

// erased erases ann while her device goes on.
func erased(t *testing.T, server *influxtest.Server, a *app.App, prefix string) {
	t.Helper()
	c, err := erasure.Ask(t.Context(), a.Bus().Conn(), acme, ann)
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.Readings != 1202 || c.Store.Rollups < 20 || c.Log.Quarantine != 1 {
		t.Errorf("erased is %+v", c)
	}
	if !slices.ContainsFunc(c.Remains, func(r erasure.Remainder) bool { return strings.Contains(r.What, "InfluxDB's files") }) {
		t.Errorf("what InfluxDB keeps is not told: %v", c.Remains)
	}
	for _, bucket := range []string{"raw", "rollups", "events"} {
		flux := fmt.Sprintf(`from(bucket: "%s_%s") |> range(start: 0, stop: 2100-01-01T00:00:00Z) |> filter(fn: (r) => r.wearer == "ann") |> limit(n: 1)`, prefix, bucket)
		body, err := json.Marshal(map[string]string{"query": flux, "type": "flux"})
		must(t, err)
		if rows := strings.TrimSpace(call(t, server, http.MethodPost, "query?org="+url.QueryEscape(server.Org), string(body))); rows != "" {
			t.Errorf("bucket %s still has\n%s", bucket, rows)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var acme, ann = schemas.MustID("acme"), schemas.MustID("ann")

// tokens makes a token for each role.
func tokens(t *testing.T, o app.InfluxOptions) (folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "tokens")
	if _, err := app.SetupInflux(t.Context(), o, nil, folder, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return folder
}

// One process takes and judges, one nudges and fills InfluxDB, one shows it; each has no
// more than its own token. When a token is revoked, it is said, and a new one counts
// without a restart.
func TestRecordingAndShowingApart(t *testing.T) {
	server := influxtest.Start(t)
	o := options(t.TempDir())
	o.Roles = []app.Role{app.Broker, app.Ingest, app.Detect}
	taking, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(o.Data, "secret")
	where := inInflux(t, app.Options{}, server).Influx
	operator := where.TokenFile
	folder := tokens(t, where)
	part := func(roles ...app.Role) *app.App {
		p := beside(t, taking, secret, roles...)
		where.TokenFile = filepath.Join(t.TempDir(), "tokens")
		must(t, os.CopyFS(where.TokenFile, os.DirFS(folder)))
		for _, role := range []string{"record", "dashboard", "office"} { // what it does not need it does not have
			if (role == "record") != (roles[0] == app.Notify) {
				must(t, os.Remove(filepath.Join(where.TokenFile, role)))
			}
		}
		p.Influx = where
		a, err := start(t, p)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	filling := part(app.Notify, app.Record)
	own := where.TokenFile
	showing := part(app.Dashboard)
	for _, a := range []*app.App{taking, filling, showing} {
		ready(t, a, "")
	}
	enrol(t, showing.Registry())
	known(t, taking.Registry())
	d := device(t, taking)
	from := time.Now().Add(-605 * time.Second)
	send(t, d, from, 0, 400)
	settled(t, taking.Bus())
	if n, minutes := count(t, showing.Store()); n != 400 || minutes < 5 {
		t.Errorf("the page reads %d readings, %d minutes", n, minutes)
	}
	if err := showing.Store().PutAggregates(t.Context(), []series.Aggregate{{Org: acme, Window: series.Day, Start: from, End: from.Add(time.Hour), Suppressed: true}}); err == nil {
		t.Error("the page may write")
	}

	revoke(t, server, where.Prefix+" record")
	send(t, d, from, 400, 200)
	ready(t, filling, "the store does not take data; the log keeps it until it does")
	if said := readyz(t, filling); !strings.Contains(said, "token") {
		t.Errorf("why is not said: %s", said)
	}
	ready(t, showing, "")
	where.TokenFile = operator
	renewed, err := os.ReadFile(filepath.Join(tokens(t, where), "record"))
	must(t, err)
	write(t, filepath.Join(own, "record"), strings.TrimSpace(string(renewed)))
	settled(t, taking.Bus())
	ready(t, filling, "")
	if n, _ := count(t, showing.Store()); n != 600 {
		t.Errorf("%d readings are stored in the end", n)
	}
}

// revoke removes the tokens of a description.
func revoke(t *testing.T, server *influxtest.Server, description string) {
	t.Helper()
	var all struct {
		Authorizations []struct{ ID, Description string }
	}
	must(t, json.Unmarshal([]byte(call(t, server, http.MethodGet, "authorizations", "")), &all))
	n := 0
	for _, x := range all.Authorizations {
		if x.Description == description {
			call(t, server, http.MethodDelete, "authorizations/"+x.ID, "")
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d tokens are of %s", n, description)
	}
}

// What somebody has to mend ends the start, with a name.
func TestAWrongInfluxDBIsRefusedByName(t *testing.T) {
	server := influxtest.Start(t)
	good := inInflux(t, options(t.TempDir()), server)
	folder := tokens(t, good.Influx)
	for name, c := range map[string]struct {
		change func(o *app.Options)
		words  string
	}{
		"no token file": {func(o *app.Options) { o.Influx.TokenFile = filepath.Join(folder, "nowhere") }, "nowhere"},
		"an empty one": {func(o *app.Options) {
			o.Influx.TokenFile = filepath.Join(folder, "empty")
			write(t, o.Influx.TokenFile, "")
		}, "should hold one line"},
		"a wrong token": {func(o *app.Options) {
			o.Influx.TokenFile = filepath.Join(folder, "wrong")
			write(t, o.Influx.TokenFile, "wrong")
		}, "token"},
		"without a right":  {func(o *app.Options) { o.Influx.TokenFile = filepath.Join(folder, "office") }, `_raw"`},
		"another org":      {func(o *app.Options) { o.Influx.Org = "elsewhere" }, `organisation "elsewhere"`},
		"no such buckets":  {func(o *app.Options) { o.Influx.TokenFile, o.Influx.Prefix = filepath.Join(folder, "record"), "other" }, `bucket "other_raw"`},
		"another server":   {func(o *app.Options) { o.Influx.URL = elsewhere(t) }, "no InfluxDB 2"},
		"a bad prefix":     {func(o *app.Options) { o.Influx.Prefix = "A B" }, "prefix"},
		"a bad URL":        {func(o *app.Options) { o.Influx.URL = "127.0.0.1:8086" }, "such as http://127.0.0.1:8086"},
		"a bad retention":  {func(o *app.Options) { o.Retention = series.Retention{series.Raw: time.Hour} }, "a day is the least"},
		"no URL":           {func(o *app.Options) { o.Influx.URL = "" }, "--influx"},
		"no file is named": {func(o *app.Options) { o.Influx.TokenFile = "" }, "influx-token-file"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			o.Data = t.TempDir()
			c.change(&o)
			a, err := app.New(o)
			if err == nil {
				err = a.Start(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v", err)
			}
			if err == nil {
				must(t, a.Stop(context.Background()))
			}
		})
	}
}

// elsewhere is a server that is no InfluxDB.
func elsewhere(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.URL
}

// InfluxDB is away when the process starts: devices are taken and judged, readiness says
// what is wrong, and when it comes back all is stored.
func TestInfluxDBIsAwayAtTheStart(t *testing.T) {
	server := influxtest.New(t)
	o := inInflux(t, options(t.TempDir()), server)
	server.Kill(t)
	a, err := start(t, o)
	if err != nil {
		t.Fatal(err)
	}
	ready(t, a, "the store does not take data; the log keeps it until it does")
	if said := readyz(t, a); !strings.Contains(said, server.URL) {
		t.Errorf("where it is sought is not said: %s", said)
	}
	enrol(t, a.Registry())
	send(t, device(t, a), time.Now().Add(-605*time.Second), 0, 600)
	if _, err := a.Store().Stats(t.Context()); err == nil {
		t.Error("there is a store")
	}
	if status, said := day(t, a); status != 503 || !strings.Contains(said, `"store_away"`) {
		t.Errorf("while it was never there the day is answered %d %s", status, said)
	}
	server.Restart(t)
	if s := settled(t, a.Bus()); s.Readings != 600 || s.Rollups == 0 {
		t.Errorf("in the end: %+v", s)
	}
	ready(t, a, "")
	if status, said := day(t, a); status != 200 {
		t.Errorf("the day is answered %d %s", status, said)
	}
	server.Kill(t)
	if status, said := day(t, a); status != 503 || !strings.Contains(said, `"store_away"`) {
		t.Errorf("once it is gone the day is answered %d %s", status, said)
	}
}

// day asks the dashboard for ann's day.
func day(t *testing.T, a *app.App) (status int, said string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.HTTP()+"/api/v1/orgs/acme/wearers/ann/day?date="+time.Now().UTC().Format(time.DateOnly), http.NoBody)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(b)
}
