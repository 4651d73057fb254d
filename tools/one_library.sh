#!/bin/sh
# Makes a static library of one object with nothing visible but holdfast_*: whoever embeds it may have
# a `decide` or a `buf_append` of his own. usage: one_library.sh IN.a OUT.a
set -eu
object="${2%.a}.o"
rm -f "$2"
ld -r --force-group-allocation --whole-archive "$1" -o "$object"
objcopy --wildcard --keep-global-symbol='holdfast_*' "$object"
ar rcs "$2" "$object"
rm "$object"
