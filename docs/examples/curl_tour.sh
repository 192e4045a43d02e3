#!/usr/bin/env bash
# From a CSV file to answered predictions with curl alone.
#
#   usage: curl_tour.sh URL TOKEN FILE.csv TARGET NAME
#
# The token needs the scopes write, deploy and predict. Needs curl and python3 (to read JSON). NAME becomes the name of the
# dataset, of the registered model and of the endpoint. Prints what each step took.
set -euo pipefail
url="${1:?URL}" token="${2:?TOKEN}" file="${3:?FILE.csv}" target="${4:?TARGET}" name="${5:?NAME}"
api="${url%/}/api/v1"
auth="Authorization: Bearer $token"
json="Content-Type: application/json"

# field PATH: the value at a dotted path of the JSON on standard input.
field() {
  python3 -c '
import functools, json, sys
step = lambda value, key: value[int(key)] if isinstance(value, list) else value[key]
print(functools.reduce(step, sys.argv[1].split("."), json.load(sys.stdin)))' "$1"
}

say() { printf '%4d s  %s\n' "$SECONDS" "$1"; }

call() { curl -sS --fail-with-body -H "$auth" "$@"; }

# await JOB: wait for the end of a job; print the JSON of its last state.
await() {
  local job
  while true; do
    job="$(call "$api/jobs/$1/")"
    case "$(field status <<<"$job")" in
      succeeded) printf '%s' "$job"; return ;;
      failed | cancelled | timed_out) printf 'the job failed: %s\n' "$job" >&2; return 1 ;;
    esac
    sleep 0.5
  done
}

dataset="$(call -H "$json" -d "{\"name\": \"$name\"}" "$api/datasets/" | field id)"
job="$(call -F "file=@$file" "$api/datasets/$dataset/versions/" | field job.id)"
version="$(await "$job" | field result.dataset_version)"
say "the file is dataset version $version"

job="$(call -H "$json" -d "{\"dataset_version\": $version, \"target\": \"$target\", \"model\": \"$name\"}" \
  "$api/training-runs/" | field job.id)"
model_version="$(await "$job" | field result.model_version)"
say "a model is trained and validated: model version $model_version, $(call "$api/model-versions/$model_version/" | field validation)"

call -o /dev/null -H "$json" -d '{"alias": "champion"}' "$api/model-versions/$model_version/promote/"
call -o /dev/null -H "$json" -d "{\"name\": \"$name\", \"model\": \"$name\"}" "$api/endpoints/"
say "it is champion and has an endpoint"

# The first row of the file, without the target, as an application would send it.
instance="$(python3 - "$file" "$target" <<'PYTHON'
import csv, json, sys

def plain(text):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text

with open(sys.argv[1], newline="") as rows:
    row = next(csv.DictReader(rows))
row.pop(sys.argv[2])
print(json.dumps({"instances": [{name: plain(text) for name, text in row.items()}]}))
PYTHON
)"
# The web process learns of a new endpoint within a second.
for _ in 1 2 3 4 5 6; do
  answer="$(call -H "$json" -d "$instance" "$api/endpoints/$name/predict/")" && break
  sleep 0.5
done
say "it answers: $answer"
prediction="$(field prediction_ids.0 <<<"$answer")"
call "$api/predictions/$prediction/lineage/" | python3 -m json.tool
say "and this is where the answer comes from"
