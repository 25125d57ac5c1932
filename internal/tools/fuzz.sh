#!/bin/sh
# Runs every fuzz target of the module for a while: fuzz.sh 30000x
# The while is a number of inputs, a few seconds' worth: a duration that ends
# while a worker is busy makes go test fail with "context deadline exceeded".
# A failing input is left in the package's testdata/fuzz, to be committed with its fix.
set -eu

time=${1:?usage: fuzz.sh INPUTSx}
list=$(go test -list '^Fuzz' ./...)
# go test lists a package's targets and then says "ok" and the package.
targets=$(echo "$list" | awk '/^Fuzz/ {name[n++] = $1} /^ok/ {for (i = 0; i < n; i++) print $2, name[i]; n = 0}')
[ -n "$targets" ] || { echo "fuzz: no targets"; exit 0; }
echo "$targets" | while read -r pkg name; do
	echo "fuzz: $name in $pkg, $time"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 10x "$pkg" </dev/null
done
