#!/bin/sh
# Generates a Python client of the API into a directory, and a virtual environment that can run it.
#
#   generate.sh VERSION DESCRIPTION OUT
#
# VERSION is one of openapi-generator-cli on PyPI, or "latest". DESCRIPTION is a file. The environment is kept
# in ${CLIENTS_CACHE:-/tmp/usersd-clients-$(id -u)} and used again; its path is the last line of the output.
set -eu

[ $# -eq 3 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
version=$1 description=$2 out=$3
cache=${CLIENTS_CACHE:-/tmp/usersd-clients-$(id -u)}
venv=$cache/$version

if [ "$version" = latest ]; then wanted=openapi-generator-cli; else wanted=openapi-generator-cli==$version; fi
mkdir -p "$cache"
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if [ "$version" = latest ] || [ ! -x "$venv/bin/openapi-generator-cli" ]; then
    timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check --upgrade "$wanted"
fi

rm -rf "$out"
if ! timeout 120 "$venv/bin/openapi-generator-cli" generate -g python -i "$description" -o "$out" \
    >"$out.log" 2>&1; then
    tail -n 30 "$out.log" >&2
    exit 1
fi
timeout 300 "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$out/requirements.txt"
"$venv/bin/pip" show openapi-generator-cli 2>/dev/null | grep '^Version'
echo "$venv"
