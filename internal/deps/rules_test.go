package deps

// allowed says which packages of sitwell a package's own code may import; tests
// may import anything but what apart forbids. Names are folders. In a list, a
// name that ends in /... means the packages below it and itself. As a key, it
// stands for all packages below it that have no key of their own.
//
// Adapters (stores, broker, registry, dashboard, simulator, channels) have no
// other adapter in their list: only internal/app knows them all, and nothing
// but the command line, the demonstration and what runs its processes imports
// internal/app.
var allowed = map[string][]string{
	"schemas": {},

	// The pipeline. Its three parts meet in the log alone. The engine, detect, is
	// a pure function and may be run by whoever wants to know what it makes of
	// readings; its runner has the log and the clock.
	"detect":        {"schemas"},
	"detect/runner": {"schemas", "detect", "internal/bus", "internal/live", "internal/ops"},
	"ingest":        {"schemas", "internal/bus", "internal/registry", "internal/ops"},
	"notify":        {"schemas", "internal/bus", "internal/registry", "internal/ops"},
	"notify/...":    {"schemas", "notify", "internal/ops"},

	// Contracts and their suites.
	"internal/bus":        {"schemas"},
	"internal/bus/...":    {"schemas", "internal/bus"},
	"internal/series":     {"schemas"},
	"internal/series/...": {"schemas", "internal/series"},
	// It gives tests a real server.
	"internal/series/influx/influxtest": {"internal/influxd"},
	// The codec of an hour of readings, and the store that keeps them so.
	"internal/series/column": {"schemas"},
	"internal/series/sqlite": {"schemas", "internal/series", "internal/series/column"},
	"internal/ops":           {"schemas"},

	// Adapters and services.
	"internal/broker":            {"schemas", "internal/ops"},
	"internal/broker/brokertest": {"schemas", "internal/broker", "internal/bus", "internal/registry"},
	"internal/registry":          {"schemas", "internal/bus", "internal/ops"},
	"internal/live":              {"schemas"},
	"internal/lease":             {},
	"internal/tuning":            {"schemas", "detect", "internal/bus"},
	"internal/record":            {"schemas", "internal/bus", "internal/series", "internal/ops"},
	"internal/office":            {"schemas", "internal/series", "internal/registry", "internal/auth"},
	"internal/erasure":           {"schemas", "internal/bus", "internal/registry", "internal/series"},
	"internal/auth":              {"schemas", "internal/registry"},
	// It judges stored readings again, and asks the notifier's stages what they
	// would have held back.
	"internal/hindsight": {"schemas", "detect", "notify", "internal/series", "internal/registry", "internal/tuning"},
	"internal/dashboard": {
		"schemas", "detect", "internal/series", "internal/registry", "internal/live", "internal/office",
		"internal/auth", "internal/ops", "internal/hindsight", "internal/tuning", "internal/dashboard/...", "internal/series/export",
	},
	"internal/dashboard/...": {},
	"internal/sim":           {"schemas", "internal/sim/..."},
	"internal/sim/...":       {"schemas", "internal/sim/..."},
	// It reads the pipeline's answers, in the store's words, and runs the engine to compare.
	"internal/sim/replay": {"schemas", "detect", "internal/series", "internal/sim/..."},
	// It runs the engine without a pipeline.
	"internal/sim/observe": {"schemas", "detect", "internal/sim/recording"},

	// The wiring, and what stands above it.
	"internal/app": {"schemas", "detect/...", "ingest", "notify/...", "internal/..."},
	"internal/demo": {
		"schemas", "internal/app", "internal/bus", "internal/cluster", "internal/lease", "internal/ledger", "internal/registry",
		"internal/series", "internal/sim/...",
	},
	// It runs the roles as child processes.
	"internal/cluster": {"internal/app"},
	// It reads the pipeline's answers, in the store's words, and runs the engine to compare.
	"internal/ledger": {"schemas", "detect", "internal/series"},
	// It asks what is running, in other processes.
	"internal/doctor": {"schemas", "ingest", "internal/app", "internal/bus", "internal/lease", "internal/ops"},
	"internal/cli": {
		"schemas", "detect", "ingest", "internal/app", "internal/bus", "internal/demo", "internal/doctor", "internal/ops", "internal/registry",
		"internal/hindsight", "internal/sim/...", "internal/tuning", "internal/erasure", "internal/series",
		"internal/series/transfer",
	},
	"cmd/sitwell": {"internal/cli"},

	// Tools and tests of the repository itself.
	"deploy":              {},
	"internal/deps":       {},
	"internal/testsum":    {},
	"internal/influxd":    {},
	"internal/demoinflux": {"internal/influxd"},
	"internal/e2e":        {},
	"internal/faults":     {},
	"internal/faults/...": {},
}

// apart lists packages that not even each other's tests may import.
var apart = []string{"detect", "ingest", "notify"}

// owners says who alone may import a module, tests apart.
var owners = map[string][]string{
	"github.com/nats-io/nats-server": {"internal/broker", "internal/app/..."},
	"github.com/nats-io/nats.go": {
		"ingest", "detect/runner", "notify", "internal/lease", "internal/bus/...", "internal/broker/...", "internal/registry",
		"internal/live", "internal/record", "internal/erasure", "internal/tuning", "internal/hindsight", "internal/app", "internal/cluster", "internal/demo", "internal/cli",
		"internal/doctor",
	},
	"github.com/eclipse/paho.mqtt.golang":      {"ingest", "notify/...", "internal/sim/...", "internal/app"},
	"github.com/influxdata/influxdb-client-go": {"internal/series/influx"},
	"github.com/influxdata/line-protocol":      {"internal/series/influx"},
	"modernc.org/sqlite":                       {"internal/series/sqlite/..."},
	"github.com/spf13/cobra":                   {"internal/cli"},
	"github.com/schollz/progressbar":           {"internal/demo", "internal/cli"},
	"github.com/compose-spec/compose-go":       {},
	"pgregory.net/rapid":                       {"internal/series/seriestest", "internal/bus/bustest"},
	"go.uber.org/goleak":                       {},
}

// The engine is a pure function of the readings it is given, so that a replay
// gives what live gave. Packages below it, as the runner, are not the engine.
const engine = "detect"

// engineModules are the modules of others the engine may import: to write its state down.
var engineModules = []string{"github.com/fxamacker/cbor/v2"}

// Of the standard library the engine imports neither these packages nor those below them.
var engineForbidden = []string{
	"net", "os", "syscall", "database", "log", "math/rand", "crypto/rand", "testing", "plugin", "unsafe",
}

// The engine uses no clock: these functions of package time.
var clock = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer",
}
