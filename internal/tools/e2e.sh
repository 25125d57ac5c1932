#!/bin/sh
# End-to-end tests of the built program: the Go ones of internal/e2e, and the
# page's in Chromium, against a demo that runs on free ports and is then
# stopped, which it must do in good order.
set -eu

cd "$(dirname "$0")/../.."
if [ -d internal/e2e ]; then
	go test -count=1 -tags e2e ./internal/e2e/...
fi

dir=$(mktemp -d)
log=$dir/demo.log
: >"$log"
pid=
stop() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ -z "$pid" ] || wait "$pid" || true
	rm -rf "$dir"
}
trap stop EXIT

echo "e2e: starting the demo"
bin/sitwell demo --data "$dir/data" --http 127.0.0.1:0 --mqtt 127.0.0.1:0 --nats 127.0.0.1:0 >"$log" 2>&1 &
pid=$!

url=
tries=0
while [ -z "$url" ]; do
	url=$(sed -n 's/.*\(http:\/\/127\.0\.0\.1:[0-9][0-9]*\).*/\1/p' "$log" | head -n 1)
	[ -n "$url" ] && break
	tries=$((tries + 1))
	if [ $tries -gt 150 ] || ! kill -0 "$pid" 2>/dev/null; then
		echo "e2e: the demo named no address within 30 s:"
		cat "$log"
		exit 1
	fi
	sleep 0.2
done

echo "e2e: the page's tests against $url"
if ! SITWELL_URL=$url internal/tools/ui.sh e2e; then
	echo "e2e: the demo said:"
	cat "$log"
	exit 1
fi

kill -TERM "$pid"
code=0
wait "$pid" || code=$?
pid=
if [ $code -ne 0 ]; then
	echo "e2e: the demo ended with code $code:"
	cat "$log"
	exit 1
fi
echo "e2e: the demo stopped in good order"
