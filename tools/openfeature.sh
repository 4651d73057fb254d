#!/bin/sh
# Brings OpenFeature's SDK for servers and its OFREP provider into build/openfeature, for a test:
# fetched once, by version and checksum. Does nothing, and needs no network, when they are there.
set -eu
cd "$(dirname "$0")/.."

# The provider calls what later versions of its core have under another name.
wanted="@openfeature/server-sdk 1.23.0 17f474a775b831deb3550230f16b13a5de6b8b7f5da84f1d2072dd5836748b58
@openfeature/core 1.12.0 46f1b0b7e1093491466bf6728ad1ec2d60f10cdcf6e3b8e533ea37ce9f640cc7
@openfeature/ofrep-provider 0.1.3 1b6b4058bb290218dcee4d67adef7d8da8c292502dfbaf308054281cc1c273e0
@openfeature/ofrep-core 0.1.4 00e4f14a320ececa22d381e626b836997fad8fb5ecc1302ac35982b21ed76d1f
tslib 2.8.1 66f635d5eeabae44807534976913a102cf615b9a045368359c9f79ae6ee2119e"
dir=build/openfeature

[ "$(cat $dir/made 2>/dev/null)" = "$wanted" ] && exit 0

rm -rf $dir
mkdir -p $dir
echo "$wanted" | while read -r name version sha256; do
	archive=$(npm pack --silent --pack-destination $dir "$name@$version" | tail -n 1)
	echo "$sha256  $dir/$archive" | sha256sum --check --quiet
	mkdir -p "$dir/node_modules/$name"
	tar -xzf "$dir/$archive" -C "$dir/node_modules/$name" --strip-components=1
	rm "$dir/$archive"
done
echo "$wanted" >$dir/made
