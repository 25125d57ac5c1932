package doctor_test

import (
	"os"
	"path/filepath"
	"testing"

	"sitwell/internal/app"
	"sitwell/internal/doctor"
	"sitwell/internal/series/influx/influxtest"
)

// It is said where the time series are, and why InfluxDB does not take them.
func TestAStoreInInfluxDB(t *testing.T) {
	server := influxtest.New(t)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(server.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	a := start(t, func(o *app.Options) {
		o.Influx = app.InfluxOptions{URL: server.URL, Org: server.Org, Prefix: server.Prefix(t), TokenFile: token}
	})
	says(t, look(t, a, nil), "store", doctor.OK, "InfluxDB at "+server.URL+"; at most")
	server.Kill(t)
	findings := look(t, a, nil)
	says(t, findings, "store", doctor.Fail, "InfluxDB at "+server.URL)
	says(t, findings, "store", doctor.Fail, "connection refused")
}
