#!/bin/sh
# Gets an InfluxDB for the tests and for `make demo-influx` into the user's cache,
# and prints where its program is. Where it is there already, nothing is done.
#
#   influxd.sh           from a Docker engine's image where one answers, else built from source
#   influxd.sh docker    from the image or not at all
#   influxd.sh source    built from source, whether or not there is an engine
#
# Building takes some five minutes on two cores that have nothing else to do, and Go, Rust with
# cargo, a C compiler and pkg-config; modules and crates come by way of go and cargo. Of two that run at once one waits for the other; what is there is always
# whole, and an interrupted build goes on where it was.
set -eu

version=2.7.12
image=influxdb:$version
min_rust=72 # of libflux, 1.72

say() { echo "influxd: $*" >&2; }
fail() {
	say "$@"
	exit 1
}

# home is the folder that os.UserCacheDir of Go names, where the tests look.
home() {
	case $(uname -s) in
	Darwin) echo "$HOME/Library/Caches" ;;
	*) echo "${XDG_CACHE_HOME:-$HOME/.cache}" ;;
	esac
}

dir=$(home)/sitwell/influxd-$version
bin=$dir/influxd
tmp=$dir/.influxd.$$ # renamed at the end, within the file system
build=$dir/build
log=$dir/.log.$$ # of the step that runs

runs() { "$1" version 2>/dev/null | grep -q "InfluxDB v\{0,1\}$version"; }

# place puts the program at its path at once and whole.
place() {
	chmod 755 "$tmp"
	mv -f "$tmp" "$bin"
	say "InfluxDB $version is ready, $1"
}

# quietly runs a command of minutes, with a line every 20 s, and shows the end of what
# it said if it fails: quietly WHAT COMMAND...
quietly() {
	what=$1
	shift
	say "$what"
	: >"$log"
	(
		seconds=0
		while [ -e "$log" ] && kill -0 $$ 2>/dev/null; do
			sleep 1 >/dev/null 2>&1 9>&-
			seconds=$((seconds + 1))
			[ $((seconds % 20)) -ne 0 ] || say "$what: $seconds s"
		done
	) 9>&- &
	beat=$!
	code=0
	"$@" >"$log" 2>&1 || code=$?
	[ $code -eq 0 ] || tail -n 40 "$log" >&2
	# It ends with the file. The signal is for sooner, and may be lost if it comes at once.
	rm -f "$log"
	kill $beat 2>/dev/null || true
	return $code
}

engine() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }

# from_image takes the program out of the image. Where it does not run, as on a Mac,
# a script stands in its place that runs it in a container.
from_image() {
	quietly "getting $image from Docker" docker pull "$image" || return 1
	container=$(docker create "$image") || return 1
	code=0
	docker cp "$container:/usr/local/bin/influxd" "$tmp" >/dev/null 2>&1 ||
		docker cp "$container:/usr/bin/influxd" "$tmp" >/dev/null 2>&1 || code=1
	docker rm "$container" >/dev/null
	[ $code -eq 0 ] || return 1
	chmod 755 "$tmp"
	if runs "$tmp"; then
		place "taken from the image $image"
		return
	fi
	sed "s|IMAGE|$image|" >"$tmp" <<'SCRIPT'
#!/bin/sh
# Runs influxd in a container, as the caller, with the caller's arguments: the folder of
# --bolt-path and the port of --http-bind-address are made to be the container's, too.
# The server ends when this ends, also by kill -9: its standard input closes then, so
# that has to be one that stays open.
set -eu
if [ "${1:-}" = version ]; then
	exec docker run --rm --entrypoint influxd IMAGE version
fi
last='' address='' folder=
for arg; do
	shift
	case $last in
	--http-bind-address)
		address=$arg
		arg=0.0.0.0:${arg##*:}
		;;
	--bolt-path) folder=$(dirname "$arg") ;;
	esac
	set -- "$@" "$arg"
	last=$arg
done
exec docker run --rm --interactive --user "$(id -u):$(id -g)" --publish "$address:${address##*:}" \
	--volume "$folder:$folder" --workdir "$folder" --entrypoint sh IMAGE -c '
	influxd "$@" </dev/null &
	server=$!
	trap "kill -TERM $server" TERM INT
	exec 3<&0
	(cat <&3; kill -9 $server) >/dev/null 2>&1 &
	while kill -0 $server 2>/dev/null; do wait $server || true; done' influxd "$@"
SCRIPT
	chmod 755 "$tmp"
	runs "$tmp" || return 1
	place "a script that runs the image $image"
}

# missing says what a build lacks, and how to get it.
missing() {
	lacks=
	command -v go >/dev/null || lacks="$lacks
  Go 1.26 or later          https://go.dev/doc/install"
	command -v "${CC:-cc}" >/dev/null || command -v gcc >/dev/null || lacks="$lacks
  a C compiler              apt-get install gcc libc6-dev, or xcode-select --install"
	command -v pkg-config >/dev/null || lacks="$lacks
  pkg-config                apt-get install pkg-config, or brew install pkg-config"
	if ! command -v "${CARGO:-cargo}" >/dev/null || ! command -v rustc >/dev/null; then
		lacks="$lacks
  Rust 1.$min_rust or later, cargo  https://rustup.rs, or apt-get install cargo rustc (on Debian 12 cargo-web rustc-web)"
	elif [ "$(rust_minor)" -lt $min_rust ]; then
		lacks="$lacks
  Rust 1.$min_rust or later         this is $(rustc --version); https://rustup.rs, or on Debian 12 apt-get install cargo-web rustc-web"
	fi
	[ -z "$lacks" ] && return
	say "InfluxDB $version cannot be built, because this is missing:$lacks
or a Docker engine that answers to \`docker info\`."
	exit 1
}

rust_minor() { rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p' | grep . || echo 0; }

# toolchain makes rustup use one that is installed: libflux names another, which
# would have to be downloaded. Debian's cargo has no rustup and no use for it.
toolchain() {
	if [ -n "${RUSTUP_TOOLCHAIN:-}" ] || ! command -v rustup >/dev/null; then
		return
	fi
	RUSTUP_TOOLCHAIN=$(cd / && rustup show active-toolchain 2>/dev/null | head -n 1 | cut -d ' ' -f 1)
	[ -n "$RUSTUP_TOOLCHAIN" ] || fail "rustup has no toolchain: rustup default stable gets one"
	export RUSTUP_TOOLCHAIN
}

# unpack MODULE FOLDER puts a module's source, which may be written to, into a folder.
unpack() {
	[ ! -d "$build/$2" ] || return 0
	from=$(cd "$build" && go mod download -json "$1" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
	[ -n "$from" ] || return 1
	rm -rf "$build/$2.part"
	cp -R "$from" "$build/$2.part"
	chmod -R u+w "$build/$2.part"
	mv "$build/$2.part" "$build/$2"
}

sources() {
	unpack "github.com/influxdata/influxdb/v2@v$version" influxdb || return 1
	flux=$(cd "$build/influxdb" && go mod edit -json | sed -n '/influxdata\/flux"/{n;s/.*"Version": "\(.*\)".*/\1/p;q;}')
	[ -n "$flux" ] || return 1
	# libflux is built beside the source of flux, which the module cache does not allow.
	unpack "github.com/influxdata/flux@$flux" "flux@$flux" || return 1
	(cd "$build/influxdb" && go mod edit -replace "github.com/influxdata/flux=../flux@$flux" && go mod download)
}

# libflux compiles the library of that name, and sees to it that what a newer Rust warns of stops nothing:
# --cap-lints as a flag does not reach the scripts that crates are built with.
libflux() {
	cat >"$build/rustc" <<'SCRIPT'
#!/bin/sh
case " $* " in
*" --cap-lints "*) exec "$@" ;;
*) exec "$@" --cap-lints warn ;;
esac
SCRIPT
	chmod 755 "$build/rustc"
	export RUSTC_WRAPPER="$build/rustc"
	# It takes the module it is run in for the one to build.
	cd "$build"/flux@* && "$build/pkg-config" --libs flux
}

tool() { cd "$build/influxdb" && go build -o "$build/pkg-config" github.com/influxdata/pkg-config; }

server() {
	cd "$build/influxdb" && PKG_CONFIG=$build/pkg-config CGO_ENABLED=1 go build -trimpath -tags sqlite_foreign_keys,sqlite_json \
		-ldflags "-s -w -X main.version=v$version" -o "$tmp" ./cmd/influxd
}

from_source() {
	missing
	toolchain
	mkdir -p "$build"
	# All that is compiled lies here and is removed at the end; modules and crates stay in
	# the caches of go and cargo.
	export GOCACHE="$build/cache" GOFLAGS=-mod=mod GOWORK=off
	say "building InfluxDB $version from its Go module: some five minutes on two idle cores, only this once"
	quietly "step 1 of 4, fetching the source and its modules" sources ||
		fail "the modules cannot be had: is Go's module proxy reachable (go env GOPROXY)?"
	quietly "step 2 of 4, compiling the pkg-config that knows libflux" tool || fail "it cannot be compiled: see above"
	quietly "step 3 of 4, compiling libflux with $(rustc --version)" libflux ||
		fail "libflux cannot be compiled: see above; are cargo's crates reachable?"
	quietly "step 4 of 4, compiling the server" server || fail "the server cannot be compiled: see above"
	runs "$tmp" || fail "what was built does not run: $("$tmp" version 2>&1 | head -n 3)"
	place "built from source"
	rm -rf "$build"
}

# alone waits until no other run of this works in the folder. Where flock is missing, as
# on a Mac, each has a folder of its own.
alone() {
	if ! command -v flock >/dev/null; then
		build=$dir/build.$$
		return
	fi
	exec 9>"$dir/lock"
	flock -n 9 && return
	say "another run is at it, waiting for it"
	flock 9
}

case ${1:-any} in
any | docker | source) ;;
*)
	echo "usage: influxd.sh [docker|source]" >&2
	exit 2
	;;
esac
mkdir -p "$dir"
trap 'rm -f "$tmp" "$log"' EXIT
trap 'exit 130' INT TERM
if [ ! -x "$bin" ]; then
	alone
fi
if [ -x "$bin" ]; then # perhaps since the other run has ended
	say "InfluxDB $version is there already"
elif [ "${1:-any}" != source ] && engine && from_image; then
	:
elif [ "${1:-any}" = docker ]; then
	fail "no Docker engine answers to \`docker info\`, or the image $image cannot be had"
else
	from_source
fi
echo "$bin"
