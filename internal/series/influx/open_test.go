package influx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"sitwell/internal/series"
	"sitwell/internal/series/influx/influxtest"
)

// setUp makes buckets and tokens of their own.
func setUp(t *testing.T, server *influxtest.Server, prefix string, retention series.Retention) Tokens {
	t.Helper()
	tokens, err := Setup(t.Context(), SetupOptions{
		URL: server.URL, Org: server.Org, Token: StaticToken(server.Token), Prefix: prefix, Retention: retention, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func optionsFor(server *influxtest.Server, prefix string, role Role, token string) Options {
	return Options{URL: server.URL, Org: server.Org, Token: StaticToken(token), Prefix: prefix, Role: role, Logger: slog.New(slog.DiscardHandler)}
}

// Each role's token is enough for its role, and for no other.
func TestTokensOfRoles(t *testing.T) {
	server := influxtest.Start(t)
	prefix := server.Prefix(t)
	tokens := setUp(t, server, prefix, nil)
	for _, role := range Roles() {
		for _, of := range Roles() {
			s, err := Open(t.Context(), optionsFor(server, prefix, role, tokens[of]))
			if enough := role == of || of == Record; (err == nil) != enough {
				t.Errorf("opened as %s with the token of %s: %v", role, of, err)
			} else if err != nil && !errors.Is(err, ErrRight) {
				t.Errorf("opened as %s with the token of %s: %v, want %v", role, of, err, ErrRight)
			}
			if err == nil {
				_ = s.Close()
			}
		}
	}
	// What a role's token may not do, the server refuses, whatever the store is asked.
	s, err := Open(t.Context(), optionsFor(server, prefix, Dashboard, tokens[Dashboard]))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.write(t.Context(), bucketRaw, []byte("readings,org=a run=1i 1\n")); !errors.Is(err, ErrRight) {
		t.Errorf("the dashboard's token writes readings: %v", err)
	}
	if _, err := s.Stats(t.Context()); err == nil {
		t.Error("the dashboard's token reads the office's bucket")
	}
}

// A start says which of URL, organisation, bucket and token is at fault.
func TestStartSaysWhatIsWrong(t *testing.T) {
	server := influxtest.Start(t)
	prefix, other := server.Prefix(t), server.Prefix(t)
	tokens := setUp(t, server, prefix, nil)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "<html>another server's page</html>")
	}))
	defer page.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, c := range []struct {
		name   string
		change func(*Options)
		says   []string
		is     error
	}{
		{"nothing listens", func(o *Options) { o.URL = gone.URL }, []string{"URL " + gone.URL, "is InfluxDB running"}, series.ErrAway},
		{"another server", func(o *Options) { o.URL = page.URL }, []string{"URL " + page.URL}, ErrNoServer},
		{"another server is away", func(o *Options) { o.URL = page.URL }, nil, series.ErrAway},
		{"no such organisation", func(o *Options) { o.Org = "nowhere" }, []string{`organisation "nowhere"`, "influx org create"}, ErrMissing},
		{"no such bucket, and no right to make it", func(o *Options) { o.Prefix = other }, []string{other + "_raw", "sitwell series setup"}, ErrMissing},
		{"no such bucket for who reads", func(o *Options) { o.Prefix, o.Role = other, Dashboard }, []string{other + "_raw", "sitwell series setup"}, ErrMissing},
		{"no such token", func(o *Options) { o.Token = StaticToken("not-one") }, []string{"token for " + server.URL}, ErrToken},
		{"a token that may only read", func(o *Options) { o.Token = StaticToken(tokens[Dashboard]) }, []string{prefix + "_raw", "role record"}, ErrRight},
		{"a token of another bucket", func(o *Options) { o.Role, o.Token = Office, StaticToken(tokens[Dashboard]) }, []string{prefix + "_office", "role office"}, ErrRight},
		{"a token that cannot be read", func(o *Options) { o.Token = func() (string, error) { return "", io.ErrUnexpectedEOF } }, []string{"token"}, io.ErrUnexpectedEOF},
		{"an empty token", func(o *Options) { o.Token = StaticToken("") }, []string{"token", "empty"}, errNoToken},
		{"no URL", func(o *Options) { o.URL = "" }, []string{"URL"}, nil},
		{"a URL with a password", func(o *Options) { o.URL = "http://a:secret@localhost:1" }, []string{"URL", "without a password"}, nil},
		{"no prefix of an identifier", func(o *Options) { o.Prefix = "A b" }, []string{"prefix"}, nil},
		{"no role", func(o *Options) { o.Role = "king" }, []string{"king"}, nil},
		{"too short a retention", func(o *Options) { o.Retention = series.Retention{series.Raw: time.Hour} }, []string{"raw"}, nil},
	} {
		o := optionsFor(server, prefix, Record, tokens[Record])
		c.change(&o)
		s, err := Open(t.Context(), o)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s: no error", c.name)
			continue
		}
		if c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: the error is %v, want %v", c.name, err, c.is)
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: the error is %q, without %q", c.name, err, says)
			}
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), tokens[Record]) || strings.Contains(err.Error(), tokens[Dashboard]) {
			t.Errorf("%s: the error tells a secret", c.name)
		}
	}
}

// rulesOf is the retention of a bucket in the server.
func rulesOf(t *testing.T, s *Store, b bucket) time.Duration {
	t.Helper()
	found, err := s.findBucket(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.RetentionRules) == 0 {
		return 0
	}
	return time.Duration(found.RetentionRules[0].EverySeconds) * time.Second
}

// Buckets are made with their retention, and given another one by the recorder alone,
// with what is in them.
func TestRetentionOfBuckets(t *testing.T) {
	server := influxtest.Start(t)
	prefix := server.Prefix(t)
	tokens := setUp(t, server, prefix, nil)
	var said bytes.Buffer
	shorten := false
	open := func(role Role, retention series.Retention) *Store {
		t.Helper()
		o := optionsFor(server, prefix, role, tokens[role])
		o.Retention, o.Shorten, o.Logger = retention, shorten, slog.New(slog.NewTextHandler(&said, nil))
		s, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open(Record, nil)
	for _, class := range series.Classes() {
		if got, want := rulesOf(t, s, bucket(class)), series.DefaultRetention()[class]+spare; got != want {
			t.Errorf("bucket %s keeps for %v, want %v", class, got, want)
		}
	}
	if got := rulesOf(t, s, bucketState); got != 0 {
		t.Errorf("the state is kept for %v, want for good", got)
	}
	now := inLog(1, wear(ann, chest, 1, 0, 10))
	for i := range now.Readings[0].Items {
		now.Readings[0].Items[i].Time = time.Now().UnixMilli()
	}
	if _, err := s.Append(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	changed := series.Retention{series.Raw: day, series.Rollups: 800 * day, series.Events: 10 * day, series.Office: 100 * day}
	open(Dashboard, changed)
	if got, want := rulesOf(t, s, bucketRaw), 31*day; got != want {
		t.Errorf("after a dashboard's start raw is kept for %v, want %v", got, want)
	}
	s = open(Record, changed) // what is longer stays
	for class, keep := range changed {
		if got, want := rulesOf(t, s, bucket(class)), max(keep, series.DefaultRetention()[class])+spare; got != want {
			t.Errorf("bucket %s keeps for %v, want %v", class, got, want)
		}
	}
	old := inLog(2, wear(bob, hip, 1, 0, 7))
	for i := range old.Readings[0].Items {
		old.Readings[0].Items[i].Time = time.Now().Add(-10*day).UnixMilli() + int64(i)
	}
	if _, err := s.Append(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if err := s.Retain(t.Context(), changed, time.Now()); err != nil {
		t.Fatal(err)
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.Readings != 17 {
		t.Errorf("stats are %+v, %v, want the 7 older readings, too", stats, err)
	}
	if text := said.String(); strings.Count(text, "WARN") != 3 || !strings.Contains(text, "bucket_days=31 retention_days=2") || !strings.Contains(text, "--retention") {
		t.Errorf("it says %q", text)
	}
	shorten = true
	s = open(Record, changed)
	if err := s.Retain(t.Context(), changed, time.Now()); err != nil {
		t.Fatal(err)
	}
	for class, keep := range changed {
		if got := rulesOf(t, s, bucket(class)); got != keep+spare {
			t.Errorf("bucket %s keeps for %v, want %v", class, got, keep+spare)
		}
	}
	s = open(Record, nil) // leaves them
	if got := rulesOf(t, s, bucketRaw); got != day+spare {
		t.Errorf("bucket raw keeps for %v, want %v", got, day+spare)
	}
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Readings != 10 {
		t.Errorf("stats are %+v, %v, want 10 readings", stats, err)
	}
}

// A token that is not enough for Setup does not send to Setup.
func TestSetupNamesTheTokenItNeeds(t *testing.T) {
	server := influxtest.Start(t)
	prefix := server.Prefix(t)
	tokens := setUp(t, server, prefix, nil)
	for name, c := range map[string]struct{ prefix, token string }{
		"may not make tokens":     {prefix, tokens[Record]},
		"may not make buckets":    {server.Prefix(t), tokens[Record]},
		"may not see the buckets": {prefix, tokens[Office]},
		"is not known":            {prefix, "unknown"},
	} {
		_, err := Setup(t.Context(), SetupOptions{
			URL: server.URL, Org: server.Org, Token: StaticToken(c.token), Prefix: c.prefix, Logger: slog.New(slog.DiscardHandler),
		})
		if err == nil || strings.Contains(err.Error(), "sitwell series setup") || !strings.Contains(err.Error(), "influx auth create --org ORGANISATION --all-access") {
			t.Errorf("a token that %s: %v", name, err)
		}
	}
}

// Who only reads makes no bucket.
func TestBucketsThatMustExist(t *testing.T) {
	server := influxtest.Start(t)
	o := optionsFor(server, server.Prefix(t), Record, server.Token)
	o.MustExist = true
	for range 2 { // the first made none either
		s, err := Open(t.Context(), o)
		if err == nil {
			_ = s.Close()
		}
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), o.Prefix+"_raw") {
			t.Errorf("the error is %v, want %v of bucket %s_raw", err, ErrMissing, o.Prefix)
		}
	}
	setUp(t, server, o.Prefix, nil)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
}

// A token's file may change under a running store.
func TestNewToken(t *testing.T) {
	server := influxtest.Start(t)
	prefix := server.Prefix(t)
	tokens := setUp(t, server, prefix, nil)
	token := "revoked"
	o := optionsFor(server, prefix, Record, "")
	o.Token = func() (string, error) { return token, nil }
	token = tokens[Record]
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	token = "revoked"
	if _, err := s.Append(t.Context(), inLog(1, wear(ann, chest, 1, 0, 10))); !errors.Is(err, ErrToken) {
		t.Errorf("the error is %v, want %v", err, ErrToken)
	}
	token = tokens[Record]
	if _, err := s.Append(t.Context(), inLog(1, wear(ann, chest, 1, 0, 10))); err != nil {
		t.Errorf("the new token does not count: %v", err)
	}
}

// No goroutine and no connection stays behind.
func TestCloseLeavesNothing(t *testing.T) {
	influxtest.Start(t)
	ignore := goleak.IgnoreCurrent()
	b := newBench(t, nil)
	b.append(inLog(1, wear(ann, chest, 1, 0, 5000), wear(bob, hip, 1, 0, 5000)))
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections() // the test's own, to the server
	goleak.VerifyNone(t, ignore)
	if _, err := Open(context.Background(), Options{}); err == nil {
		t.Error("a store of no options is opened")
	}
}
