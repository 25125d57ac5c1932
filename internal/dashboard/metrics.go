package dashboard

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics count requests by route, never by who or what they are about.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	lives    prometheus.Gauge
	dropped  prometheus.Counter
}

func (m *metrics) register(to prometheus.Registerer) error {
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sitwell_http_requests_total", Help: "HTTP requests answered, by route and status.",
	}, []string{"route", "status"})
	m.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sitwell_http_request_seconds", Help: "Time to answer HTTP requests, live streams and exports excepted.",
		Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 30},
	}, []string{"route"})
	m.lives = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "sitwell_http_live_streams", Help: "Live streams that are open.",
	})
	m.dropped = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sitwell_http_live_postures_dropped_total", Help: "Live postures replaced by a later one before they were sent.",
	})
	var errs []error
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.lives, m.dropped} {
		errs = append(errs, to.Register(c))
	}
	return errors.Join(errs...)
}

func (d *Dashboard) metricsHandler() http.Handler {
	return promhttp.HandlerFor(d.Gatherer, promhttp.HandlerOpts{
		ErrorLog: nil, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}

// count counts the answers of a route.
func (d *Dashboard) count(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			d.metrics.requests.WithLabelValues(route, strconv.Itoa(seen.status)).Inc()
			if !seen.endless {
				d.metrics.seconds.WithLabelValues(route).Observe(time.Since(began).Seconds())
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status  int
	endless bool // a stream; how long it ran says nothing
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
