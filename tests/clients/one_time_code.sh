#!/bin/sh
# Proves that codes of another program, oathtool, sign in where they should and only once.
#
#   one_time_code.sh BASE ADMIN PASSWORD
#
# BASE is http://host:port, ADMIN an admin with every permission. Makes a user for each configuration of one-time
# codes, sets up his second factor as an authenticator would, signs in with its codes, and removes him.
# Needs curl, python3 and oathtool.
set -eu

[ $# -eq 3 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
api=${1%/}/api/v2 admin=$2 password=$3

# Reads a member of the JSON on standard input.
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

# call STATUS ARGUMENTS…: asks with curl; prints the body of an answer that has this status.
call() {
    wanted=$1
    shift
    answer=$(curl --silent --max-time 20 --write-out '\n%{http_code}' "$@")
    status=${answer##*
}
    if [ "$status" != "$wanted" ]; then
        echo "status $status, not $wanted: $answer" >&2
        exit 1
    fi
    printf '%s\n' "${answer%
*}"
}

# Codes are made and used within one step of 30 seconds.
wait_for_room() {
    left=$((30 - $(date +%s) % 30))
    [ "$left" -gt 8 ] || sleep "$left"
}

# sign_in STATUS USER [CODE]
sign_in() {
    if [ $# -gt 2 ]; then set -- "$1" "$2" -H "X-SFTPGO-OTP: $3"; fi
    wanted=$1 user=$2
    shift 2
    call "$wanted" --user "$user:a long sentence" "$@" "$api/user/token"
}

token=$(call 200 --user "$admin:$password" "$api/token" | member access_token)
for pair in Default:sha1 Sha256:sha256 Sha512:sha512; do
    config=${pair%%:*} hash=${pair##*:} user="oath-$hash"
    call 201 -H "Authorization: Bearer $token" --json '{"username": "'"$user"'", "status": 1,
        "password": "a long sentence", "home_dir": "/srv/x", "permissions": {"/": ["*"]}}' "$api/users" >/dev/null
    own=$(sign_in 200 "$user" | member access_token)
    secret=$(call 200 -H "Authorization: Bearer $own" --json '{"config_name": "'"$config"'"}' \
        "$api/user/totp/generate" | member secret)
    call 200 -H "Authorization: Bearer $own" --json '{"enabled": true, "config_name": "'"$config"'",
        "secret": {"status": "Plain", "payload": "'"$secret"'"}, "protocols": ["HTTP"]}' \
        "$api/user/totp/save" >/dev/null
    sign_in 401 "$user" >/dev/null
    wait_for_room
    code=$(oathtool --base32 --totp="$hash" "$secret")
    next=$(oathtool --base32 --totp="$hash" --now="now + 30 seconds" "$secret")
    later=$(oathtool --base32 --totp="$hash" --now="now + 90 seconds" "$secret")
    sign_in 401 "$user" "$later" >/dev/null
    sign_in 200 "$user" "$code" | member access_token | grep -q '\..*\.'
    sign_in 401 "$user" "$code" >/dev/null
    sign_in 200 "$user" "$next" >/dev/null
    sign_in 401 "$user" "$next" >/dev/null
    sign_in 401 "$user" "$code" >/dev/null
    call 200 -H "Authorization: Bearer $token" -X DELETE "$api/users/$user" >/dev/null
    echo "  $config ($hash): codes of oathtool sign in, each once"
done
