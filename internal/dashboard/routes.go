package dashboard

import (
	"net/http"
	"strings"

	"sitwell/internal/ops"
)

// route is one address of the API. Its handler is called once the asker, and the
// organisation and wearer named in it, are known.
type route struct {
	path string // a ServeMux pattern without its method; all are GET
	// query names the parameters it takes; any other is refused.
	query  []string
	handle func(w http.ResponseWriter, r *call) error
	// endless routes stream until the client goes; they get no time limit.
	endless bool
}

const (
	orgPath    = "/api/v1/orgs/{org}"
	wearerPath = orgPath + "/wearers/{wearer}"
)

// routes is every address that gives data.
func (d *Dashboard) routes() []route {
	span := []string{"from", "to"}
	tried := []string{"from", "to", "rules"}
	return []route{
		{path: "/api/v1/orgs", handle: d.orgs},
		{path: orgPath, handle: d.org},
		{path: orgPath + "/wearers", handle: d.wearers},
		{path: orgPath + "/office", handle: d.office},
		{path: orgPath + "/office/heatmap", query: span, handle: d.heatMap},
		{path: wearerPath + "/day", query: []string{"date"}, handle: d.day},
		{path: wearerPath + "/readings", query: span, handle: d.readings, endless: true},
		{path: wearerPath + "/export", query: []string{"format"}, handle: d.record, endless: true},
		{path: wearerPath + "/rollups", query: span, handle: d.rollups},
		{path: wearerPath + "/slots", query: []string{"from", "to", "every"}, handle: d.slots},
		{path: wearerPath + "/episodes", query: span, handle: d.episodes},
		{path: wearerPath + "/nudges", query: span, handle: d.nudges},
		{path: wearerPath + "/postures", query: span, handle: d.postures, endless: true},
		{path: wearerPath + "/rules", handle: d.rules},
		{path: wearerPath + "/backtest", query: tried, handle: d.backtest, endless: true},
		{path: wearerPath + "/findings/{id}", handle: d.finding},
		{path: "/api/v1/findings/{id}", handle: d.findingAnywhere},
		{path: "/api/v1/live", query: []string{"org", "wearer"}, handle: d.live, endless: true},
	}
}

// mux is every address.
func (d *Dashboard) mux() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range d.routes() {
		mux.Handle("GET "+rt.path, d.count(rt.path, d.api(rt)))
	}
	mux.Handle("GET /api/openapi.json", http.HandlerFunc(describe))
	mux.Handle("/api/", d.count("/api/", http.HandlerFunc(d.noRoute)))
	mux.Handle("GET /healthz", http.HandlerFunc(ops.Healthz))
	mux.Handle("GET /readyz", ops.Readyz(d.Ready))
	mux.Handle("GET /metrics", d.metricsHandler())
	mux.Handle("/", d.count("/", page()))
	return mux
}

// noRoute answers what is under /api/ and no route.
func (d *Dashboard) noRoute(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		d.fail(w, r, refuse(http.StatusMethodNotAllowed, "method_not_allowed", "The API only answers GET."))
		return
	}
	d.fail(w, r, refuse(http.StatusNotFound, "no_route", "There is nothing at this address. /api/openapi.json lists what there is."))
}

// api calls a route for whoever asks.
func (d *Dashboard) api(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		if !rt.endless {
			select {
			case d.asks <- struct{}{}:
				defer func() { <-d.asks }()
			default:
				d.fail(w, hr, refuse(http.StatusServiceUnavailable, "busy", "Too many are asking right now. Try again in a moment."))
				return
			}
			ctx, cancel := contextWithLimit(hr.Context())
			defer cancel()
			hr = hr.WithContext(ctx)
		}
		r, err := d.resolve(rt, hr)
		if err == nil {
			err = rt.handle(w, r)
		}
		if err != nil {
			d.fail(w, hr, err)
		}
	})
}

// hasOrg and hasWearer report what a route names.
func (rt route) hasOrg() bool {
	return strings.Contains(rt.path, "{org}") || rt.takes("org")
}

func (rt route) hasWearer() bool {
	return strings.Contains(rt.path, "{wearer}") || rt.takes("wearer")
}
