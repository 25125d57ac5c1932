//go:build faults

package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"sitwell/internal/app"
	"sitwell/internal/bus"
	"sitwell/internal/cli"
	"sitwell/internal/ledger"
	"sitwell/internal/registry"
	"sitwell/schemas"
)

var acme = schemas.MustID("acme")

// quiet is for what tests do themselves.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// place is where a sitwell lives: its folder and addresses, which outlive its
// processes, and the ledger of what it acknowledged.
type place struct {
	t                      testing.TB
	data                   string
	httpAt, mqttAt, natsAt string // host:port
	ledger                 *ledger.Ledger
	wearers                int        // enrolled so far: w0 with band-0 and so on
	conn                   *nats.Conn // once it was asked for
}

// newPlace makes a place with its data in a folder; "" is one of the test's.
func newPlace(t testing.TB, data string) *place {
	t.Helper()
	if data == "" {
		data = t.TempDir()
	}
	p := &place{t: t, data: filepath.Join(data, "data"), httpAt: freePort(t), mqttAt: freePort(t), natsAt: freePort(t)}
	p.openLedger()
	return p
}

func (p *place) openLedger() {
	p.t.Helper()
	var err error
	p.ledger, err = ledger.Open(filepath.Join(p.t.TempDir(), "ledger"))
	must(p.t, err)
	p.t.Cleanup(func() { _ = p.ledger.Close() })
}

// freePort is an address nobody listens on.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (p *place) http() string { return "http://" + p.httpAt }
func (p *place) mqtt() string { return "tcp://" + p.mqttAt }
func (p *place) nats() string { return "nats://" + p.natsAt }

// start starts `sitwell serve` and does not wait.
func (p *place) start(flags ...string) *child {
	p.t.Helper()
	args := []string{"serve", "--data", p.data, "--http", p.httpAt, "--mqtt", p.mqttAt, "--nats", p.natsAt}
	return spawn(p.t, "serve", append(args, flags...)...)
}

// serve starts `sitwell serve` and waits until it is ready.
func (p *place) serve(flags ...string) *child {
	p.t.Helper()
	c := p.start(flags...)
	p.awaitReady(c)
	return c
}

// role starts a single role, `sitwell ROLE`, against a log.
func (p *place) role(role string, flags ...string) *child {
	p.t.Helper()
	return spawn(p.t, role, append([]string{role, "--secret-file", filepath.Join(p.data, "secret")}, flags...)...)
}

// awaitReady waits until the page says that everything is ready. It returns how
// long that took.
func (p *place) awaitReady(c *child) time.Duration {
	p.t.Helper()
	var why string
	from := time.Now()
	defer func() {
		if p.t.Failed() {
			p.t.Logf("readiness: %s", why)
		}
	}()
	eventually(p.t, "sitwell is ready", func() bool {
		c.runs()
		var ready bool
		ready, why = p.ready()
		return ready
	})
	return time.Since(from)
}

// ready asks /readyz and returns the answer.
func (p *place) ready() (bool, string) {
	return readyAt(p.http())
}

func readyAt(base string) (bool, string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, body, err := get(ctx, base+"/readyz")
	if err != nil {
		return false, err.Error()
	}
	return status == http.StatusOK, string(body)
}

func get(ctx context.Context, address string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// metric reads a metric of a process, summed over all whose line holds the
// label; -1 where there is none.
func metric(t testing.TB, base, name, label string) float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, body, err := get(ctx, base+"/metrics")
	must(t, err)
	sum, found := 0.0, false
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		line := lines.Text()
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || (rest[0] != ' ' && rest[0] != '{') || !strings.Contains(rest, label) {
			continue
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		must(t, err)
		sum, found = sum+v, true
	}
	if !found {
		return -1
	}
	return sum
}

// connect gives the test's own connection to the log, as the command line has
// one. It comes back by itself when the log was away.
func (p *place) connect() *nats.Conn {
	p.t.Helper()
	if p.conn != nil {
		return p.conn
	}
	nc, err := nats.Connect(p.nats(), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.Timeout(patience),
		nats.IgnoreAuthErrorAbort(), // refused until devices are let in
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(p.t, err)
	p.t.Cleanup(nc.Close)
	p.conn = nc
	return nc
}

// log opens the log as the command line does.
func (p *place) log() *bus.Bus {
	p.t.Helper()
	b, err := bus.Attach(p.t.Context(), p.connect())
	must(p.t, err)
	return b
}

// enrol adds wearers, each with a device that was always theirs.
func (p *place) enrol(n int) {
	p.t.Helper()
	ctx, log := p.t.Context(), p.log()
	kv, err := log.KV(ctx, bus.BucketRegistry)
	must(p.t, err)
	reg, err := registry.Open(ctx, kv, quiet())
	must(p.t, err)
	defer func() { must(p.t, reg.Close()) }()
	if _, known := reg.Org(acme); !known {
		must(p.t, reg.AddOrg(ctx, registry.Org{ID: acme, Zone: "Europe/Vienna"}))
	}
	for i := p.wearers; i < p.wearers+n; i++ {
		must(p.t, reg.AddWearer(ctx, registry.Wearer{Org: acme, ID: wearer(i)}))
		must(p.t, reg.AddDevice(ctx, acme, band(i)))
		must(p.t, reg.Assign(ctx, acme, band(i), registry.Assignment{Wearer: wearer(i), From: time.Unix(1, 0)}))
	}
	p.wearers += n
}

func wearer(i int) schemas.ID { return schemas.MustID(fmt.Sprintf("w%d", i)) }
func band(i int) schemas.ID   { return schemas.MustID(fmt.Sprintf("band-%d", i)) }

// settle waits until all that was acknowledged is in the log, judged and stored.
func (p *place) settle() app.Settled {
	p.t.Helper()
	nc := p.connect()
	var got app.Settled
	why := ""
	defer func() {
		if p.t.Failed() && why != "" {
			p.t.Logf("settle: %s", why)
		}
	}()
	eventually(p.t, "sitwell has settled", func() bool {
		m, err := nc.Request(app.SettleSubject, nil, patience/2)
		if err != nil { // a part may just be starting
			why = err.Error()
			return false
		}
		got = app.Settled{}
		must(p.t, json.Unmarshal(m.Data, &got))
		why = got.Error
		return why == ""
	})
	return got
}

// ledgerCheck holds the ledger against what the API gives. What notify still has to
// record is waited for: a nudge whose notifier was killed while it sent is called
// ambiguous once nobody can be sending it any more, half a minute later.
func (p *place) ledgerCheck(ctx context.Context) (ledger.Report, error) {
	report, err := p.ledger.Await(ctx, ledger.API(p.http()), patience)
	return report, errors.Join(err, report.Err())
}

// check settles and holds the ledger against what the API gives. Whatever must
// not be fails the test.
func (p *place) check() ledger.Report {
	p.t.Helper()
	p.settle()
	report, err := p.ledgerCheck(p.t.Context())
	if err != nil {
		p.t.Error(err)
	}
	if report.Acknowledged == 0 || report.Minutes == 0 {
		p.t.Errorf("the ledger holds %d readings of %d whole minutes: this proves nothing", report.Acknowledged, report.Minutes)
	}
	return report
}

// sitwell runs a command line against the log and returns what it prints.
func (p *place) sitwell(args ...string) string {
	p.t.Helper()
	var out, errOut bytes.Buffer
	if code := cli.Run(p.t.Context(), "faults", append(args, "--nats", p.nats()), &out, &errOut); code != 0 {
		p.t.Fatalf("sitwell %s: exit %d: %s", strings.Join(args, " "), code, &errOut)
	}
	return out.String()
}

// view is a stored reading as the API gives it.
type view struct {
	Device string
	Boot   uint32
	Seq    uint64
	Time   time.Time
	Late   bool
}

// stored is what the API gives of a wearer's readings between two times.
func (p *place) stored(i int, from, to time.Time) []view {
	p.t.Helper()
	var list []view
	body := p.get("/api/v1/orgs/acme/wearers/"+wearer(i).String()+"/readings", span(from, to))
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		var v view
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			p.t.Fatalf("%s: %v", lines.Bytes(), err)
		}
		list = append(list, v)
	}
	return list
}

// episode is an episode as the API gives it.
type episode struct {
	ID    string
	Rule  string
	Start time.Time
	End   time.Time
	Level int
}

func (p *place) episodes(i int, from, to time.Time) []episode {
	p.t.Helper()
	var answer struct{ Episodes []episode }
	must(p.t, json.Unmarshal(p.get("/api/v1/orgs/acme/wearers/"+wearer(i).String()+"/episodes", span(from, to)), &answer))
	return answer.Episodes
}

func span(from, to time.Time) url.Values {
	return url.Values{"from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}}
}

func (p *place) get(path string, query url.Values) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	status, body, err := get(ctx, p.http()+path+"?"+query.Encode())
	must(p.t, err)
	if status != http.StatusOK {
		p.t.Fatalf("GET %s: %d: %s", path, status, body)
	}
	return body
}

// memory is what a process holds now, in MB.
func (c *child) memory() int {
	c.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	must(c.t, err)
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		must(c.t, errors.New("the system does not tell a process's memory"))
	}
	kb, err := strconv.Atoi(fields[0])
	must(c.t, err)
	return kb >> 10
}
