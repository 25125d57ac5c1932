package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"sitwell/internal/auth"
)

const span = "?from=2026-11-20T08:00:00Z&to=2026-11-20T12:00:00Z"

// target is an address of a route that answers.
func (rt route) target(org, wearer string) string {
	path := strings.NewReplacer("{org}", org, "{wearer}", wearer, "{id}", "e").Replace(rt.path)
	switch {
	case rt.takes("every"):
		return path + span + "&every=1h"
	case rt.ofMonths():
		return path + "?from=2026-09&to=2026-10"
	case rt.takes("from"):
		return path + span
	case rt.takes("org"):
		return path + "?org=" + org + "&wearer=" + wearer
	}
	return path
}

// ofMonths reports whether from and to are months, not times.
func (rt route) ofMonths() bool { return strings.HasSuffix(rt.path, "/heatmap") }

func (a answer) code(t *testing.T) string {
	t.Helper()
	var body struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Error.Message == "" {
		t.Fatalf("not a coded error: %s", a.body)
	}
	return body.Error.Code
}

// Every route is walked with what it must refuse. A new route is walked with the
// others, for it cannot answer without standing in the table.
func TestEachRouteRefusesWhatItMust(t *testing.T) {
	d := newWorld(t, noon, few())
	for _, rt := range d.routes() {
		t.Run(rt.path, func(t *testing.T) {
			check := func(what, target string, status int, code string) {
				t.Helper()
				got := get(t, d, target)
				if got.status != status || got.code(t) != code {
					t.Errorf("%s: %.200s gave %d %s, want %d %s", what, target, got.status, got.body, status, code)
				}
				if h := got.header.Get("Cache-Control"); h != "no-store" {
					t.Errorf("%s: Cache-Control is %q", what, h)
				}
			}
			join := "?"
			if strings.Contains(rt.target("acme", "anna"), "?") {
				join = "&"
			}
			check("an unknown parameter", rt.target("acme", "anna")+join+"colour=red", 400, "unknown_parameter")
			check("a query that is none", rt.target("acme", "anna")+join+"%zz", 400, "bad_query")
			check("a long query", rt.target("acme", "anna")+join+strings.Repeat("x", maxQuery+1), 400, "query_too_long")
			for _, bad := range []string{"A", "a.b", "a%20b", "*", "%3E", "a%0d%0ab", "%2e%2e%2fx", "$JS", strings.Repeat("a", 64)} {
				if rt.hasOrg() {
					check("a bad organisation", rt.target(bad, "anna"), 400, "bad_id")
				}
				if rt.hasWearer() {
					check("a bad wearer", rt.target("acme", bad), 400, "bad_id")
				}
			}
			if rt.hasOrg() {
				check("an unknown organisation", rt.target("initech", "anna"), 404, "not_found")
			}
			if rt.hasWearer() {
				check("an unknown wearer", rt.target("acme", "nobody"), 404, "not_found")
				check("another organisation's wearer", rt.target("acme", "homer"), 404, "not_found")
			}
			for name, query := range map[string]string{
				"bad_range":          "from=2026-11-20T12:00:00Z&to=2026-11-20T08:00:00Z",
				"range_too_long":     "from=2016-11-20T12:00:00Z&to=2026-11-20T08:00:00Z",
				"bad_time":           "from=yesterday&to=2026-11-20T08:00:00Z",
				"missing_parameter":  "from=2026-11-20T08:00:00Z",
				"repeated_parameter": "from=2026-11-20T08:00:00Z&from=2026-11-20T08:00:00Z&to=2026-11-20T09:00:00Z",
			} {
				if rt.takes("from") && !rt.ofMonths() {
					path, _, _ := strings.Cut(rt.target("acme", "anna"), "?")
					check("a bad range", path+"?"+query, 400, name)
				}
			}
			for query, name := range map[string]string{
				"from=2026-10&to=2026-09":              "bad_range",
				"from=2016-10&to=2026-09":              "range_too_long",
				"to=2026-13":                           "bad_month",
				"from=2026-11-20T08:00:00Z&to=2026-11": "bad_month",
				"from=9999-12":                         "bad_month",
				"from=2026-09&from=2026-10":            "repeated_parameter",
			} {
				if rt.ofMonths() {
					path, _, _ := strings.Cut(rt.target("acme", "anna"), "?")
					check("a bad range of months", path+"?"+query, 400, name)
				}
			}
			for _, bad := range []string{"today", "2026-13-01", "2026-02-30", "0001-01-01", "9999-12-31", "20-11-2026"} {
				if rt.takes("date") {
					check("a bad date", rt.target("acme", "anna")+"?date="+bad, 400, "bad_date")
				}
			}
		})
	}
}

// The words of a refusal name things as people do.
func TestRefusalsNameWhatIsMeant(t *testing.T) {
	d := newWorld(t, noon, few())
	for target, want := range map[string]string{
		"/api/v1/orgs/ACME":                 "This is not the id of an organisation.",
		"/api/v1/orgs/acme/wearers/A/day":   "This is not the id of a wearer.",
		"/api/v1/live":                      "Give the id of an organisation: the parameter org is missing.",
		"/api/v1/live?org=acme":             "Give the id of a wearer: the parameter wearer is missing.",
		"/api/v1/orgs/initech":              "There is no such organisation,",
		"/api/v1/orgs/acme/wearers/eve/day": "There is no such wearer,",
	} {
		if got := get(t, d, target); !strings.Contains(got.body, want) {
			t.Errorf("%s says %s, want %q", target, got.body, want)
		}
	}
}

// An asker who may see nothing cannot tell what exists from what does not.
func TestForbiddenLooksLikeUnknown(t *testing.T) {
	d := newWorld(t, noon, few())
	stranger := newWorld(t, noon, few(), func(o *Options) { o.Authority = authority{auth.Asker{Name: "stranger"}, nil} })
	for _, rt := range d.routes() {
		if !rt.hasOrg() {
			continue
		}
		unknown, forbidden := get(t, d, rt.target("initech", "anna")), get(t, stranger, rt.target("acme", "anna"))
		if unknown.status != 404 || forbidden.status != 404 || unknown.body != forbidden.body {
			t.Errorf("%s: unknown gives %d %s, forbidden %d %s", rt.path, unknown.status, unknown.body, forbidden.status, forbidden.body)
		}
	}
	if got := get(t, stranger, "/api/v1/orgs"); got.body != `{"orgs":[]}`+"\n" {
		t.Errorf("a stranger sees %s", got.body)
	}
}

// Whoever cannot be told gets nothing, from any route.
func TestNobodyIsRefused(t *testing.T) {
	d := newWorld(t, noon, few(), func(o *Options) { o.Authority = authority{auth.Asker{}, errors.New("session secret-7 expired")} })
	for _, rt := range d.routes() {
		got := get(t, d, rt.target("acme", "anna"))
		if got.status != 401 || got.code(t) != "not_signed_in" || strings.Contains(got.body, "secret") {
			t.Errorf("%s gave %d %s", rt.path, got.status, got.body)
		}
	}
}

type authority struct {
	asker auth.Asker
	err   error
}

func (a authority) Ask(*http.Request) (auth.Asker, error) { return a.asker, a.err }

// What goes wrong inside stays inside.
func TestInternalErrorsStayInside(t *testing.T) {
	d := newWorld(t, noon, few())
	_ = d.store.Close()
	for _, rt := range d.routes() {
		if !rt.hasWearer() || rt.takes("org") || strings.HasSuffix(rt.path, "/rules") {
			continue // they need no store
		}
		got := get(t, d, rt.target("acme", "anna"))
		if got.status != 500 || got.code(t) != "internal" || strings.Contains(got.body, "sql") {
			t.Errorf("%s gave %d %s", rt.path, got.status, got.body)
		}
	}
}

func TestHostMustBeThisMachine(t *testing.T) {
	d := newWorld(t, noon, few())
	open := newWorld(t, noon, few(), func(o *Options) { o.Insecure = true })
	for host, ok := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:80": true, "127.0.0.1:8080": true, "127.8.9.1": true, "[::1]:8080": true,
		"[::1]": true, "sitwell.example": false, "localhost.evil.example": false, "10.0.0.7:8080": false, "127.0.0.1.nip.io": false,
		"0.0.0.0:8080": false, "[::]:8080": false,
	} {
		for _, path := range []string{"/", "/api/v1/orgs", "/healthz", "/metrics"} {
			if got := get(t, d, path, "Host: "+host); (got.status == 200) != ok {
				t.Errorf("%s of %s gave %d", path, host, got.status)
			}
			if got := get(t, open, path, "Host: "+host); got.status != 200 {
				t.Errorf("insecure: %s of %s gave %d", path, host, got.status)
			}
		}
	}
}

func TestOtherMethodsAndAddresses(t *testing.T) {
	d := newWorld(t, noon, few())
	for _, c := range []struct {
		method, target string
		headers        []string
		status         int
		code           string
	}{
		{"POST", "/api/v1/orgs", []string{"Sec-Fetch-Site: cross-site"}, 403, "cross_origin"},
		{"POST", "/api/v1/orgs", []string{"Origin: https://evil.example"}, 403, "cross_origin"},
		{"POST", "/api/v1/orgs", []string{"Sec-Fetch-Site: same-origin"}, 405, "method_not_allowed"},
		{"DELETE", "/api/v1/orgs/acme", nil, 405, "method_not_allowed"},
		{"GET", "/api/v2/orgs", nil, 404, "no_route"},
		{"GET", "/api/v1/orgs/acme/secrets", nil, 404, "no_route"},
	} {
		got := request(t, d, c.method, c.target, c.headers...)
		if got.status != c.status || got.code(t) != c.code {
			t.Errorf("%s %s %v gave %d %s", c.method, c.target, c.headers, got.status, got.body)
		}
	}
	if got := get(t, d, "/nothing-here"); got.status != 404 {
		t.Errorf("an unknown file gave %d", got.status)
	}
}

func TestAnswersAreGuarded(t *testing.T) {
	d := newWorld(t, noon, few())
	for _, path := range []string{"/", "/api/v1/orgs", "/api/v1/nothing", "/healthz"} {
		h := get(t, d, path).header
		if !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';") {
			t.Errorf("%s: the content policy is %q", path, h.Get("Content-Security-Policy"))
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers are %v", path, h)
		}
	}
}

func TestHealth(t *testing.T) {
	broken := errors.New("disk full: free some space")
	d := newWorld(t, noon, few(), func(o *Options) {
		o.Ready = []Check{
			{Name: "store", Check: func(context.Context) error { return broken }},
			{Name: "log", Check: func(context.Context) error { return nil }},
		}
	})
	if got := get(t, d, "/healthz"); got.status != 200 {
		t.Errorf("healthz gave %d", got.status)
	}
	got := get(t, d, "/readyz")
	want := `{"checks":[{"name":"store","ready":false,"reason":"disk full: free some space"},{"name":"log","ready":true}],"ready":false}`
	if got.status != 503 || strings.TrimSpace(got.body) != want {
		t.Errorf("readyz gave %d %s", got.status, got.body)
	}
	broken = nil
	if got := get(t, d, "/readyz"); got.status != 200 {
		t.Errorf("readyz gave %d %s", got.status, got.body)
	}
	get(t, d, "/api/v1/orgs/acme")
	if got := get(t, d, "/metrics"); !strings.Contains(got.body, `sitwell_http_requests_total{route="/api/v1/orgs/{org}",status="200"} 1`) {
		t.Errorf("metrics lack the route: %s", got.body)
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	_, err := New(Options{})
	for _, name := range []string{"Store", "Registry", "Live", "Office", "Authority", "Hindsight", "Rules", "Gatherer", "Registerer", "Logger"} {
		if err == nil || !strings.Contains(err.Error(), name+" is missing") {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
}
