#!/usr/bin/env bash
# A server's folder of one version under the next: `tests/upgrade.sh OLD NEW`, two commands `tapetum`. OLD trains a model
# for a client, NEW starts on the same folder after copying the database, and classifies with that model and those
# keys. OLD is refused afterwards.
set -euo pipefail
old=$(realpath "$1") new=$(realpath "$2")
folder=$(mktemp -d)
cd "$folder"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT

serve() { # COMMAND
    "$1" --json serve --data server --listen 127.0.0.1:0 --log quiet >said &
    until [[ -s said ]]; do
        kill -0 $! || { echo "$1 does not start"; exit 1; }
        sleep 0.1
    done
}

stop() {
    kill %%
    wait %% || true
    rm said
}

said() { # FIELD [FILE]
    python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))[sys.argv[1]])' "$1" "${2:-said}"
}

connection() {
    echo --server "$(said url)" --fingerprint "$(said fingerprint)"
}

serve "$old"
TAPETUM_TOKEN=$(said token)
export TAPETUM_TOKEN
"$old" --json remote demo $(connection) --images 300 --learner linear-means --dir play --keep >demo
stop
chmod -R go+rX server

serve "$new"
"$new" --json remote classify $(connection) --model "$(said model demo)" play/outbox/test.enc --out scores.enc >classified
stop
decrypt() { "$new" --json decrypt --owner play/owner "$1" | python3 -c 'import json, sys; print([v["class"] for v in json.load(sys.stdin)["verdicts"]])'; }
[[ $(decrypt scores.enc) == "$(decrypt play/owner/scores.enc)" ]] || { echo "other predictions"; exit 1; }
ls server/upgrades/service-before-*.db
[[ -z $(find server -name '*.db*' -perm /077) ]] || { echo "others may read the database"; exit 1; }
if "$old" --json serve --data server --listen 127.0.0.1:0 --log quiet 2>refused; then
    echo "the version before starts on the folder of the next"
    exit 1
fi
cat refused
