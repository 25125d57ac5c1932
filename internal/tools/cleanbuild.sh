#!/bin/sh
# Builds all packages from a copy of the tree that has only what git knows or
# would add: without the built page, as on a clean clone.
set -eu

cd "$(dirname "$0")/../.."
if ! git rev-parse --git-dir >/dev/null 2>&1; then
	echo "clean build: skipped, this is no git work tree"
	exit 0
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard |
	tar --create --null --files-from=- --ignore-failed-read 2>/dev/null | tar --extract --directory="$copy"
cd "$copy"
echo "clean build: go build ./..."
go build -buildvcs=false ./...
