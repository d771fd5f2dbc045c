#!/bin/sh
# Proves that generated clients can manage users of a running server.
#
#   run.sh BASE ADMIN PASSWORD KEY
#
# BASE is http://host:port, ADMIN an admin with every permission, KEY an API key bound to such an admin. For each
# generator version (GENERATORS, by default the one that clients of this API were made with, and the newest) a
# client is generated from the description that the server serves, its docs are compared with what they have to
# say, and it adds, reads, lists, updates and deletes users: once by bearer token, once by API key.
# Needs python3 with venv, and Java 11 or later.
set -eu

[ $# -eq 4 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
base=${1%/} admin=$2 password=$3 key=$4
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

timeout 30 python3 - "$base/openapi.json" >"$work/openapi.json" <<'PYTHON'
import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
PYTHON

for version in ${GENERATORS:-7.1.0 latest}; do
    echo "== generator $version"
    "$here/generate.sh" "$version" "$work/openapi.json" "$work/$version" >"$work/generated"
    sed '$d' "$work/generated"
    venv=$(tail -n 1 "$work/generated")
    python3 "$here/compare_docs.py" "$here/users_api.json" "$work/$version/docs/UsersApi.md"
    # A token of its own for each client: it must not end in between.
    PYTHONPATH="$work/$version" USERSD_PASSWORD="$password" USERSD_API_KEY="$key" \
        timeout 120 "$venv/bin/python" "$here/manage_users.py" "$base" "$admin"
done
echo "all clients passed"
