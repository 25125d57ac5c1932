package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"sitwell/internal/app"
	"sitwell/internal/series"
)

// seriesFlags are where a process keeps the time series, and for how long.
func seriesFlags(f *pflag.FlagSet, o *app.Options) {
	f.StringVar(&o.Influx.URL, "influx", o.Influx.URL, "address of InfluxDB 2 for the time series, such as http://127.0.0.1:8086 (default the embedded store in the data folder)")
	f.StringVar(&o.Influx.Org, "influx-org", o.Influx.Org, "organisation in InfluxDB")
	f.StringVar(&o.Influx.TokenFile, "influx-token-file", o.Influx.TokenFile,
		"file with the token of InfluxDB, or folder with the files record, dashboard and office, a token in each")
	f.StringVar(&o.Influx.Prefix, "influx-prefix", o.Influx.Prefix, "how the names of the buckets in InfluxDB begin")
}

// retentionFlag is for how long the process that fills the store keeps things.
func retentionFlag(f *pflag.FlagSet, o *app.Options) {
	f.Var(retention{&o.Retention}, "retention", "how long things are kept; classes that are left out keep their default")
}

// retention is a flag such as raw=30d,rollups=400d.
type retention struct{ value *series.Retention }

func (r retention) Type() string { return "string" }

func (r retention) String() string {
	if r.value == nil || *r.value == nil {
		return ""
	}
	var all []string
	for _, c := range series.Classes() {
		all = append(all, string(c)+"="+lasting((*r.value)[c]))
	}
	return strings.Join(all, ",")
}

const day = 24 * time.Hour

// lasting is a time as Set reads it.
func lasting(d time.Duration) string {
	if d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

func (r retention) Set(text string) error {
	all := series.DefaultRetention()
	var named []series.Class
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		class := series.Class(strings.TrimSpace(name))
		switch {
		case !ok || !slices.Contains(series.Classes(), class):
			return fmt.Errorf("%q is not one of %v with = and a time, such as raw=30d", pair, series.Classes())
		case slices.Contains(named, class):
			return fmt.Errorf("%s stands twice", class)
		}
		d, err := days(strings.TrimSpace(value))
		if err != nil {
			return err
		}
		named, all[class] = append(named, class), d
	}
	if err := all.Validate(); err != nil {
		return err
	}
	*r.value = all
	return nil
}

// days reads 30d, and what Go reads as a duration.
func days(text string) (time.Duration, error) {
	const most = 36500 // days: a century
	if n, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(n, 10, 16); err == nil && n <= most {
			return time.Duration(n) * day, nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d <= most*day {
		return d, nil
	}
	return 0, fmt.Errorf("%q is no time such as 30d or 36h", text)
}
