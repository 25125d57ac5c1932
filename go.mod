module sitwell

go 1.26.0

require (
	github.com/compose-spec/compose-go/v2 v2.16.2 // tests: reads docker-compose.yml as docker compose does
	github.com/eclipse/paho.mqtt.golang v1.5.1 // MQTT client; before 1.5.1 a late manual acknowledgement panics
	github.com/fxamacker/cbor/v2 v2.9.6 // checkpoints, rollups and events, compact and versioned
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // tokenizer that refuses duplicate keys and bad UTF-8
	github.com/goccy/go-yaml v1.19.2 // settings, with the line of each key
	github.com/gofrs/flock v0.13.1 // one process for a data folder
	github.com/influxdata/influxdb-client-go/v2 v2.14.0 // client of InfluxDB 2: blocking writes, Flux, buckets, tokens
	github.com/influxdata/line-protocol/v2 v2.2.1 // line protocol, escaped and without allocations
	github.com/klauspost/compress v1.20.3 // packs sealed hours of readings
	github.com/mattn/go-isatty v0.0.24 // progress bars only where a person watches
	github.com/minio/highwayhash v1.0.4 // the log's own checksum, to mend what a kill left
	github.com/nats-io/nats-server/v2 v2.15.2 // embedded broker, log and key-value store
	github.com/nats-io/nats.go v1.55.0 // client of the log
	github.com/nats-io/nuid v1.0.1 // ids of log messages
	github.com/prometheus/client_golang v1.25.0 // metrics
	github.com/prometheus/client_model v0.6.3 // tests: reads metrics
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.1 // tests: holds the JSON Schemas against the decoders
	github.com/schollz/progressbar/v3 v3.19.1 // progress bars
	github.com/spf13/cobra v1.10.2 // command line
	github.com/spf13/pflag v1.0.9 // flags of the command line
	go.uber.org/goleak v1.3.0 // tests: no goroutine stays behind
	golang.org/x/sync v0.24.0 // groups of goroutines, semaphores
	golang.org/x/sys v0.49.0 // syncs a file system; tests cut the power of one
	modernc.org/sqlite v1.61.1 // embedded store without cgo
	pgregory.net/rapid v1.3.0 // tests: laws on random input
)

require (
	github.com/antithesishq/antithesis-sdk-go v0.8.0-default-no-op // indirect
	github.com/apapsch/go-jsonmerge/v2 v2.0.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/distribution/reference v0.5.0 // indirect
	github.com/docker/go-connections v0.4.0 // indirect
	github.com/docker/go-units v0.5.0 // indirect
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/go-viper/mapstructure/v2 v2.4.0 // indirect
	github.com/google/go-tpm v0.9.8 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/influxdata/line-protocol v0.0.0-20200327222509-2487e7298839 // indirect
	github.com/mattn/go-shellwords v1.0.12 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/nats-io/jwt/v2 v2.8.2 // indirect
	github.com/nats-io/nkeys v0.4.16 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/oapi-codegen/runtime v1.0.0 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/sirupsen/logrus v1.10.1 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	github.com/xhit/go-str2duration/v2 v2.1.0 // indirect
	go.yaml.in/yaml/v4 v4.0.0-rc.4 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/term v0.47.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.79.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)
