#!/usr/bin/env bash
# Runs the tests of the service once more, on PostgreSQL and on an S3-compatible object store (moto), both of which
# it starts in a temporary folder and stops at the end. Arguments go to the second `cargo test`.
#
# It says so, and succeeds, where PostgreSQL or Python are missing.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
    echo "No $1: the service is tested on SQLite and a folder only"
    exit 0
}

postgres=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[[ -n $postgres ]] || postgres=$(dirname "$(command -v initdb || true)" 2>/dev/null || true)
[[ -x $postgres/initdb && -x $postgres/pg_ctl ]] || skip "PostgreSQL"
command -v python3 >/dev/null || skip "Python"

place=$(mktemp -d)
moto=
clean_up() {
    [[ -z $moto ]] || kill "$moto" 2>/dev/null || true
    as_postgres "$postgres/pg_ctl" --pgdata "$place/db" --mode immediate stop >/dev/null 2>&1 || true
    rm -rf "$place"
}
trap clean_up EXIT

# The server refuses to run as root.
as_postgres() {
    if [[ $(id -u) == 0 ]]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

python3 -m venv "$place/venv" >"$place/log" 2>&1 || skip "venv of Python"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[s3]==5.*' flask flask-cors \
    >"$place/log" 2>&1 || skip "moto ($(tail -n 1 "$place/log"))"
s3=$(free_port)
"$place/venv/bin/moto_server" --host 127.0.0.1 --port "$s3" >"$place/moto" 2>&1 &
moto=$!

chmod 755 "$place"
mkdir "$place/db"
[[ $(id -u) != 0 ]] || chown postgres "$place/db"
sql=$(free_port)
as_postgres "$postgres/initdb" --pgdata "$place/db" --username tapetum --auth trust --no-sync >/dev/null
as_postgres "$postgres/pg_ctl" --pgdata "$place/db" --wait --log "$place/db/log" \
    --options "-c listen_addresses=127.0.0.1 -c port=$sql -c unix_socket_directories='' -c max_connections=300" \
    start >/dev/null

for _ in $(seq 100); do
    python3 - "$s3" 2>/dev/null <<'PYTHON' && break
import sys, urllib.request
request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/tests", method="PUT")
urllib.request.urlopen(request)
PYTHON
    sleep 0.1
done

export TAPETUM_TEST_DATABASE="postgres://tapetum@127.0.0.1:$sql/postgres"
export TAPETUM_TEST_STORE="s3://tests?endpoint=http://127.0.0.1:$s3&region=us-east-1"
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
# As a part of the workspace, so that nothing is built that other tests have not built.
cargo test --locked --workspace --features tapetum-cli/server,tapetum-fuzz/networks --lib blobs::
cargo test --locked --workspace --features tapetum-cli/server,tapetum-fuzz/networks --test service "$@"
