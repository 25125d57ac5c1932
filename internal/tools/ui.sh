#!/bin/sh
# Builds and tests the dashboard's page, where Node and npm's packages can be had.
#
#   ui.sh build   build the page, unless it is up to date
#   ui.sh test    run its unit tests
#   ui.sh check   check its types
#   ui.sh e2e     run its end-to-end tests against $SITWELL_URL
#   ui.sh why     print in one line why the last of these could not be done
#
# Exits 3 where something is missing that the page needs, so that the caller can
# go on without the page; 1 where the page itself is at fault.
set -eu

cd "$(dirname "$0")/../dashboard/ui"
min_node=20
out=dist/index.html
why=../../../bin/ui-missing

missing() {
	mkdir -p "$(dirname "$why")"
	echo "$1" >"$why"
	if [ "$action" = build ]; then
		echo "page: $1" >&2
		echo "page: NOT built. sitwell runs all the same, with a plain page in its place." >&2
	else
		echo "page: $action skipped: $1" >&2
	fi
	exit 3
}

# ready makes node_modules what package-lock.json says. npm writes
# node_modules/.package-lock.json last, so an interrupted run is done again.
ready() {
	command -v node >/dev/null || missing "Node is not installed (Node $min_node or later is needed)"
	command -v npm >/dev/null || missing "npm is not installed"
	major=$(node -p 'process.versions.node.split(".")[0]')
	[ "$major" -ge $min_node ] || missing "Node $major is too old (Node $min_node or later is needed)"
	# shellcheck disable=SC3013 # -nt is in POSIX since 2024 and in every sh before
	[ node_modules/.package-lock.json -nt package-lock.json ] && return
	echo "page: installing npm's packages" >&2
	log=$(mktemp)
	if ! npm ci --no-audit --no-fund --loglevel=error --prefer-offline \
		--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=15000 >"$log" 2>&1; then
		head -n 4 "$log" >&2
		rm -rf node_modules "$log"
		missing "npm's packages cannot be had: is its registry reachable?"
	fi
	rm -f "$log"
}

fresh() {
	[ -f "$out" ] && [ -z "$(find . \( -path ./node_modules -o -path ./dist -o -path ./test-results \) -prune \
		-o -type f -newer "$out" -print | head -n 1)" ]
}

action=${1:-}
case $action in
build)
	if fresh; then
		echo "page: up to date" >&2
		exit 0
	fi
	ready
	# The build leaves what is there, because go:embed needs the folder's .gitkeep.
	[ ! -d dist ] || find dist -mindepth 1 ! -name .gitkeep -delete
	npm run --silent build
	touch "$out"
	;;
test | check | e2e)
	ready
	npm run --silent "$action"
	;;
why)
	cat "$why"
	;;
*)
	echo "usage: ui.sh build|test|check|e2e|why" >&2
	exit 2
	;;
esac
