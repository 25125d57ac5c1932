package dashboard

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sitwell/internal/auth"
	"sitwell/internal/broker/brokertest"
	"sitwell/internal/bus"
	"sitwell/internal/hindsight"
	"sitwell/internal/office"
	"sitwell/internal/registry"
	"sitwell/internal/series/sqlite"
	"sitwell/internal/tuning"
	"sitwell/schemas"
)

// noon is the present in these tests: a Friday, 13:00 in Vienna.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

var (
	acme   = schemas.MustID("acme")
	globex = schemas.MustID("globex")
	anna   = schemas.MustID("anna")
)

// world is a dashboard over a real store and registry.
type world struct {
	*Dashboard
	store    *sqlite.Store
	registry *registry.Registry
	tuning   *tuning.Tuning
	maker    *office.Maker
	server   *httptest.Server
}

// newWorld is a dashboard of an empty store and of what people says, whose clock
// stands at now.
func newWorld(t testing.TB, now time.Time, people []registry.Wearer, change ...func(*Options)) *world {
	t.Helper()
	store, err := sqlite.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	reg, parameters := openLog(t)
	fill(t, reg, people)
	again, err := hindsight.New(hindsight.Options{Store: store, Registry: reg, Parameters: parameters, Settle: func(ctx context.Context) error { return ctx.Err() }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	maker, err := office.NewMaker(office.MakerOptions{
		Store: store, Registry: reg, Registerer: metrics, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Store: store, Registry: reg, Live: silent{}, Office: office.New(store, reg), Authority: auth.Local{},
		Hindsight: again, Rules: parameters, Gatherer: metrics, Registerer: metrics, Logger: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.now = func() time.Time { return now }
	w := &world{Dashboard: d, store: store, registry: reg, tuning: parameters, maker: maker, server: httptest.NewServer(d)}
	t.Cleanup(func() { d.Close(); w.server.Close() })
	return w
}

// silent is a Live in which nothing ever happens.
type silent struct{}

func (silent) Watch(ctx context.Context, _, _ schemas.ID) (<-chan LiveEvent, error) {
	events := make(chan LiveEvent)
	context.AfterFunc(ctx, func() { close(events) })
	return events, nil
}

// openLog is the log of a real server in this process, with a registry and
// parameters in it.
func openLog(t testing.TB) (*registry.Registry, *tuning.Tuning) {
	t.Helper()
	_, log := brokertest.Start(t)
	kv, err := log.KV(t.Context(), bus.BucketRegistry)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := registry.Open(t.Context(), kv, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reg.Close() })
	parameters, err := tuning.Open(t.Context(), tuning.Options{Log: log, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parameters.Close() })
	return reg, parameters
}

var teamNames = []string{"Engineering", "Sales", "Design", "Facilities"}

// fill registers two organisations, acme's teams, and people.
func fill(t testing.TB, reg *registry.Registry, people []registry.Wearer) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(reg.AddOrg(t.Context(), registry.Org{ID: acme, Name: "Acme & Söhne", Zone: "Europe/Vienna"}))
	must(reg.AddOrg(t.Context(), registry.Org{ID: globex, Name: "Globex", Zone: "America/New_York"}))
	for _, name := range teamNames {
		must(reg.AddTeam(t.Context(), registry.Team{Org: acme, ID: idOf(name), Name: name}))
	}
	for _, w := range people {
		must(reg.AddWearer(t.Context(), w))
	}
}

// few are three wearers, of whom one lives elsewhere and one works elsewhere.
func few() []registry.Wearer {
	return []registry.Wearer{
		{Org: acme, ID: anna, Team: idOf("Design"), Name: "Anna"},
		{Org: acme, ID: schemas.MustID("ravi"), Team: idOf("Sales"), Name: "Ravi", Zone: "Asia/Kolkata"},
		{Org: globex, ID: schemas.MustID("homer"), Name: "Homer"},
	}
}

var firstNames = []string{
	"Anna", "Ben", "Carla", "David", "Elif", "Felix", "Greta", "Hakan", "Ines", "Jonas", "Katja", "Luca", "Mira", "Noah", "Olga",
	"Paul", "Quentin", "Rosa", "Samir", "Tess", "Uli", "Vera", "Wim", "Xenia", "Yusuf", "Zoe", "Amir", "Bea", "Cem", "Dora",
	"Emil", "Fatma", "Gabor", "Hanna", "Ivo", "Jana", "Karim", "Lena", "Marek", "Nina", "Oskar", "Petra", "Ralf", "Sara", "Tarek",
	"Ursula", "Viktor", "Wanda", "Ylva", "Zeno", "Aisha", "Bruno", "Clara", "Dario", "Edda", "Finn", "Gina", "Hugo", "Iris", "Jan",
}

// staff is acme's sixty wearers, in teams of 30, 19, 7 and 4, and two of globex.
func staff() []registry.Wearer {
	var list []registry.Wearer
	teams := []int{30, 49, 56, 60}
	for i, name := range firstNames {
		team := 0
		for i >= teams[team] {
			team++
		}
		list = append(list, registry.Wearer{Org: acme, ID: idOf(name), Team: idOf(teamNames[team]), Name: name})
	}
	for _, name := range []string{"Homer", "Lenny"} {
		list = append(list, registry.Wearer{Org: globex, ID: idOf(name), Name: name})
	}
	return list
}

func idOf(name string) schemas.ID {
	b := []byte(name)
	for i := range b {
		b[i] |= 0x20
	}
	return schemas.MustID(string(b))
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// request asks as curl would: "/path", and headers as "Name: value".
func request(t *testing.T, d http.Handler, method, target string, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost:8080"+target, nil)
	for _, h := range headers {
		var name, value string
		if _, err := fmt.Sscanf(h, "%s %s", &name, &value); err != nil {
			t.Fatalf("header %q: %v", h, err)
		}
		if name = name[:len(name)-1]; name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func get(t *testing.T, d http.Handler, target string, headers ...string) answer {
	t.Helper()
	return request(t, d, http.MethodGet, target, headers...)
}
