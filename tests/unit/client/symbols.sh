#!/bin/sh
# The library exports exactly what its map lists, and the header declares exactly that.
# Usage: symbols.sh LIBRARY MAP HEADER
set -eu
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/exported"
sed -n '/global:/,/local:/s/^ *\(byz_[a-z_]*\);$/\1/p' "$2" | sort -u >"$work/map"
grep -o '\bbyz_[a-z_]* \{0,1\}(' "$3" | tr -d ' (' | sort -u >"$work/header"
test -s "$work/map"
diff "$work/map" "$work/exported" || { echo "the map and the library's symbols differ" >&2; exit 1; }
diff "$work/map" "$work/header" || { echo "the map and the header differ" >&2; exit 1; }
