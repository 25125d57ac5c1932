package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sitwell/internal/app"
	"sitwell/internal/series"
	"sitwell/internal/series/transfer"
)

// side is one store on a command line: a folder, or the address of InfluxDB.
type side struct {
	name  string
	where string
	o     app.InfluxOptions
}

func (s *side) register(f *pflag.FlagSet, name, what string) {
	usual := app.Defaults().Influx
	s.name = name
	prefix := ""
	if name != "" {
		f.StringVar(&s.where, name, "", what+": a data folder, or the address of InfluxDB such as http://127.0.0.1:8086")
		prefix = name + "-"
	}
	f.StringVar(&s.o.Org, prefix+"org", usual.Org, "organisation in InfluxDB")
	f.StringVar(&s.o.TokenFile, prefix+"token-file", "", "file with the token of InfluxDB, or folder with the file record")
	f.StringVar(&s.o.Prefix, prefix+"prefix", usual.Prefix, "how the names of the buckets in InfluxDB begin")
}

// side is what the flags say.
func (s *side) side() (app.Side, error) {
	if !strings.Contains(s.where, "://") {
		return app.Side{Folder: s.where}, nil
	}
	s.o.URL = s.where
	flag := strings.TrimPrefix(s.name+"-token-file", "-")
	if s.o.TokenFile == "" {
		return app.Side{}, usage(fmt.Errorf("say --%s: the file with the token of InfluxDB at %s; `sitwell series setup` makes one", flag, s.where))
	}
	return app.Side{Influx: s.o}, nil
}

func (e *env) series() *cobra.Command {
	return parent("series", "Time series: copy, setup, stats", e.copySeries(), e.setupSeries(), e.seriesStats())
}

func (e *env) copySeries() *cobra.Command {
	var from, to side
	var exact, asJSON bool
	var logs logFlags
	c := &cobra.Command{
		Use: "copy --from STORE --to STORE", Short: "Copy all time series into another store", Args: exactly(0),
		Long: "Copies readings, minutes, episodes with their findings, nudges and the office's figures from the embedded store to\n" +
			"InfluxDB or back, or between two of a kind, and then counts both. What was broken off goes on where it was. sitwell\n" +
			"may run meanwhile: what comes later is read from its log once it is started on the other store, which goes on\n" +
			"where the copy began. Run it again before you switch over if the log keeps less than the copy takes.",
		Example: "  sitwell series copy --from data --to http://127.0.0.1:8086 --to-token-file tokens\n" +
			"  sitwell series copy --from http://127.0.0.1:8086 --from-token-file tokens --to new-data",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := given(c, "from", "to"); err != nil {
				return err
			}
			return e.copyBetween(c, &from, &to, &logs, transfer.Options{Exact: exact}, asJSON)
		},
	}
	f := c.Flags()
	from.register(f, "from", "the store to copy")
	to.register(f, "to", "the store to copy into")
	f.BoolVar(&exact, "exact", false, "compare what is in both afterwards, not only how much")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	logs.register(f, "warn")
	return c
}

// copyBetween opens both stores, copies and says what it came to.
func (e *env) copyBetween(c *cobra.Command, from, to *side, logs *logFlags, o transfer.Options, asJSON bool) (err error) {
	log, err := e.prepare(c.Flags(), logs)
	if err != nil {
		return err
	}
	source, err := from.side()
	if err != nil {
		return err
	}
	target, err := to.side()
	if err != nil {
		return err
	}
	if source == target {
		return usage(errors.New("--to: it is the store to copy from"))
	}
	ctx := c.Context()
	if o.From, err = app.OpenSide(ctx, source, true, log); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	defer func() { err = errors.Join(err, o.From.Close()) }()
	if o.To, err = app.OpenSide(ctx, target, false, log); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, o.To.Close()) }()
	done := e.copyBar(asJSON, &o)
	report, err := transfer.Copy(ctx, o)
	done()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("broken off after %d of %d days of wearers; the same command goes on from there", report.Resumed, report.Units)
	case err != nil:
		return err
	case asJSON:
		return e.printJSON(report)
	}
	return e.showCopy(source, target, &report)
}

// copyBar shows a person how far a copy is.
func (e *env) copyBar(quiet bool, o *transfer.Options) (done func()) {
	if quiet || !terminal(e.err) {
		return func() {}
	}
	var bar *progressbar.ProgressBar
	phase := transfer.Phase("")
	o.Progress = func(p transfer.Progress) {
		if p.Phase != phase { // each has a bar of its own
			phase = p.Phase
			bar = progressbar.NewOptions(max(p.All, 1), progressbar.OptionSetWriter(e.err), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(40),
				progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond))
		}
		if p.Day.IsZero() {
			bar.Describe(string(p.Phase))
		} else {
			bar.Describe(string(p.Phase) + " " + p.Day.Format(time.DateOnly))
		}
		_ = bar.Set(p.Done) // a bar that cannot be drawn is no reason to stop
	}
	return func() {
		if bar != nil {
			_ = bar.Finish()
		}
	}
}

func (e *env) showCopy(from, to app.Side, r *transfer.Report) error {
	w := &lineWriter{e: e}
	w.line("%s of %s copied from %s to %s", counted(r.Units, "day"), counted(r.Wearers, "wearer"), from, to)
	if r.Resumed > 0 {
		w.line("%d of them had been brought by a copy before that was broken off", r.Resumed)
	}
	if w.err == nil {
		w.err = e.table(&client{}, nil, "", countsTable(r))
	}
	for _, left := range []struct {
		n    int
		what string
	}{
		{r.Erased, "left out: of wearers who were erased there"},
		{r.Expired, "left out: older than it is kept there"},
		{r.Refused, "refused by the server there; the lines above say why"},
	} {
		if left.n > 0 {
			w.line("%d %s", left.n, left.what)
		}
	}
	if n := len(r.Gone); n > 0 {
		w.line("Look: %s had been copied and cannot be found in %s any more, such as %s of %s.", counted(n, "wearer"), from, r.Gone[0].Wearer, r.Gone[0].Org)
		w.line("Whoever was erased there is still in %s: start sitwell on it and erase them again.", to)
	}
	w.line("Verified: what was copied was read back and %s.", map[bool]string{false: "counted", true: "compared"}[r.Exact])
	return w.err
}

func countsTable(r *transfer.Report) [][]string {
	rows := [][]string{{"", "FROM", "TO"}}
	add := func(name string, from, to int64) {
		rows = append(rows, []string{name, fmt.Sprint(from), fmt.Sprint(to)})
	}
	add("readings and events", r.From.Readings, r.To.Readings)
	add("of them late", r.From.Late, r.To.Late)
	add("minutes", r.From.Rollups, r.To.Rollups)
	add("episodes", r.From.Episodes, r.To.Episodes)
	add("findings", r.From.Findings, r.To.Findings)
	add("decisions", r.From.Decisions, r.To.Decisions)
	add("office figures", r.From.Aggregates, r.To.Aggregates)
	return rows
}

func (e *env) setupSeries() *cobra.Command {
	o := app.Defaults().Influx
	var out string
	var keep series.Retention
	var asJSON, once bool
	var logs logFlags
	c := &cobra.Command{
		Use: "setup --influx URL --token-file FILE --out FOLDER", Short: "Make the buckets in InfluxDB and a token for each role", Args: exactly(0),
		Long: "Makes the buckets for sitwell in InfluxDB 2, with the time that each keeps what is in it, and three tokens that may do\n" +
			"no more than they must: record, which fills the buckets; dashboard, which reads the wearers'; office, which reads\n" +
			"the figures of groups alone. Each is written into a file of a new folder. It takes a token of an operator, or one\n" +
			"with all access to the organisation, and does not keep it. Doing it again makes new tokens; revoke the old ones.",
		Example: "  sitwell series setup --influx http://127.0.0.1:8086 --influx-org sitwell --token-file operator.token --out tokens",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := given(c, "influx", "token-file", "out"); err != nil {
				return err
			}
			log, err := e.prepare(c.Flags(), &logs)
			if err != nil {
				return err
			}
			if o.URL == "" {
				return usage(errors.New("--influx: the address is empty; in docker-compose.yml it is there with COMPOSE_PROFILES=influx, and not with --profile"))
			}
			if once && app.HasTokens(out) {
				return e.say(&client{json: asJSON}, map[string]any{"files": []string{}}, "%s has the tokens already", out)
			}
			files, err := app.SetupInflux(c.Context(), o, keep, out, log)
			if err != nil {
				return err
			}
			start := fmt.Sprintf("sitwell serve --influx %s --influx-org %s --influx-token-file %s", o.URL, o.Org, out)
			if keep != nil {
				start += " --retention " + retention{&keep}.String()
			}
			return e.say(&client{json: asJSON}, map[string]any{"files": files},
				"buckets %s_raw, _rollups, _events, _office and _state are there; tokens: %s\nstart with `%s`",
				o.Prefix, strings.Join(files, ", "), start)
		},
	}
	f := c.Flags()
	f.StringVar(&o.URL, "influx", "", "address of InfluxDB 2, such as http://127.0.0.1:8086")
	f.StringVar(&o.Org, "influx-org", o.Org, "organisation in InfluxDB")
	f.StringVar(&o.Prefix, "influx-prefix", o.Prefix, "how the names of the buckets begin")
	f.StringVar(&o.TokenFile, "token-file", "", "file with a token that may make buckets and tokens")
	f.StringVar(&out, "out", "", "new folder for the three tokens")
	f.BoolVar(&once, "once", false, "do nothing where that folder has them already")
	f.Var(retention{&keep}, "retention", "how long things are kept; classes that are left out keep their default")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	logs.register(f, "warn")
	return c
}

func (e *env) seriesStats() *cobra.Command {
	var at side
	var asJSON bool
	var logs logFlags
	c := &cobra.Command{
		Use: "stats STORE", Short: "Count what a store holds", Args: exactly(1),
		Long:    "Counts what is in a store: a data folder, or InfluxDB at an address, which may take it a while. sitwell may run meanwhile.",
		Example: "  sitwell series stats data\n  sitwell series stats http://127.0.0.1:8086 --token-file tokens",
		RunE: func(c *cobra.Command, args []string) error {
			at.where = args[0]
			stats, err := e.countStore(c, &at, &logs)
			if err != nil {
				return err
			}
			if asJSON {
				return e.printJSON(stats)
			}
			rows := [][]string{{"", "STORED"}}
			for _, r := range []struct {
				name string
				n    int64
			}{
				{"readings and events", stats.Readings},
				{"minutes", stats.Rollups},
				{"episodes", stats.Episodes},
				{"findings", stats.Findings},
				{"decisions", stats.Decisions},
				{"office figures", stats.Aggregates},
			} {
				rows = append(rows, []string{r.name, fmt.Sprint(r.n)})
			}
			if stats.Bytes > 0 {
				rows = append(rows, []string{"MB on disk", fmt.Sprintf("%.1f", float64(stats.Bytes)/1e6)})
			}
			return e.table(&client{}, nil, "", rows)
		},
	}
	f := c.Flags()
	at.register(f, "", "")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	logs.register(f, "warn")
	return c
}

func (e *env) countStore(c *cobra.Command, at *side, logs *logFlags) (stats series.Stats, err error) {
	log, err := e.prepare(c.Flags(), logs)
	if err != nil {
		return stats, err
	}
	where, err := at.side()
	if err != nil {
		return stats, err
	}
	done := e.spin(false, "counting")
	defer done()
	store, err := app.OpenSide(c.Context(), where, true, log)
	if err != nil {
		return stats, err
	}
	stats, err = store.Stats(c.Context())
	return stats, errors.Join(err, store.Close())
}
