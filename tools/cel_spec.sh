#!/bin/sh
# Brings the language's own test suites into build/cel-spec, as JSON lines: fetched once, by
# version and checksum. Does nothing, and needs no network, when they are there.
set -eu
cd "$(dirname "$0")/.."

version=0.6.1
sha256=37e4b203f5ca5192db73a6095d129fb5e58a262a89309ba32e1840e7a80270e1
dir=build/cel-spec
archive=bufbuild-cel-spec-$version.tgz

# What made the files that are there.
made="$version $(sha256sum tools/cel_spec.mjs)"
[ "$(cat $dir/made 2>/dev/null)" = "$made" ] && exit 0

mkdir -p $dir
if ! echo "$sha256  $dir/$archive" | sha256sum --check --status 2>/dev/null; then
	npm pack --silent --pack-destination $dir @bufbuild/cel-spec@$version >/dev/null
	echo "$sha256  $dir/$archive" | sha256sum --check --quiet
fi
rm -rf $dir/package
tar -xzf $dir/$archive -C $dir
node tools/cel_spec.mjs $dir/package $dir
echo "$made" >$dir/made
