#!/usr/bin/env bash
# Runs the tests that need real servers: installs, starts, waits for and stops them. All listen on free ports of
# 127.0.0.1. Needs Go, Node 20, npm, Python 3 with venv, and, where redis-server is not installed, root and apt-get.
# ElasticMQ, one of the SQS servers, needs Java 11, Maven and Maven Central, and is left out without them.
#
#   test/integration/run.sh            all suites
#   test/integration/run.sh aws        the suites of one module
#   test/integration/run.sh -- CMD…    the servers, and CMD with their addresses in its environment
#
# Installs are kept in .cache/integration.
set -euo pipefail
cd "$(dirname "$0")/../.."
cache=$PWD/.cache/integration
here=$PWD/test/integration
export GOWORK=off
mkdir -p "$cache"

# What is run, a line a suite: module, packages, and tests. The tests skip where a server's address is not set: here that
# is a failure, unless the server is left out on this machine.
suites='
aws    ./...  .
redis  ./...  .
'

say() { printf 'integration: %s\n' "$*" >&2; }

# --- installs -------------------------------------------------------------------------------------------------

# once NAME FILE… runs install_NAME unless it has succeeded with the same FILEs before.
once() {
  local name=$1 stamp
  shift
  stamp=$(cat "$@" | sha256sum | cut -c1-16)
  [[ -e $cache/$name.$stamp ]] && return
  say "installing $name"
  (set -e; "install_$name") >"$cache/$name.log" 2>&1 || { tail -30 "$cache/$name.log" >&2; say "$name cannot be installed"; exit 1; }
  rm -f "$cache/$name".????????????????
  touch "$cache/$name.$stamp"
}

install_python() {
  rm -rf "$cache/venv"
  python3 -m venv "$cache/venv"
  # Most of it is never imported, so nothing is compiled now.
  "$cache/venv/bin/pip" install --quiet --disable-pip-version-check --no-compile -r "$here/requirements.txt"
}

install_node() {
  mkdir -p "$cache/node"
  cp "$here/package.json" "$here/package-lock.json" "$cache/node/"
  (cd "$cache/node" && npm ci --ignore-scripts --no-audit --no-fund)
  # fauxqs needs a newer Node, which this fetches.
  (cd "$cache/node/node_modules/node" && node installArchSpecificPackage) || rm -f "$cache/node/node_modules/node/bin/node"
}

install_elasticmq() {
  rm -rf "$cache/elasticmq"
  mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$cache/elasticmq"
}

install_redis() {
  command -v redis-server && return
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends redis-server
}

# --- servers --------------------------------------------------------------------------------------------------

run=$(mktemp -d "${TMPDIR:-/tmp}/troupe-integration.XXXXXX")
pids=()
stop() {
  local code=$?
  trap - EXIT
  if ((${#pids[@]})); then
    kill "${pids[@]}" 2>/dev/null || true
    for _ in {1..30}; do
      kill -0 "${pids[@]}" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
  fi
  rm -rf "$run"
  exit "$code"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# port prints a port that was free a moment ago.
port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# start NAME PORT CMD… starts a server and waits until it accepts connections.
start() {
  local name=$1 port=$2
  shift 2
  "$@" >"$run/$name.log" 2>&1 &
  local pid=$!
  pids+=("$pid")
  for _ in {1..900}; do # a machine may be busy
    kill -0 "$pid" 2>/dev/null || break
    (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && { say "$name listens on 127.0.0.1:$port"; return; }
    sleep 0.1
  done
  tail -30 "$run/$name.log" >&2
  say "$name does not start"
  exit 1
}

installs=()
once python "$here/requirements.txt" & installs+=($!)
once node "$here/package.json" "$here/package-lock.json" & installs+=($!)
once redis /dev/null & installs+=($!)
java=
if command -v java >/dev/null && command -v mvn >/dev/null; then
  java=yes
  { (once elasticmq "$here/pom.xml") || true; } & installs+=($!)
fi
for i in "${installs[@]}"; do wait "$i"; done

# What the SDKs want to know; none of it is a secret.
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 AWS_EC2_METADATA_DISABLED=true

left_out='^$' # a pattern of the names of servers that are not there
p=$(port); export TROUPE_MOTO=http://127.0.0.1:$p # DynamoDB, SQS
start moto "$p" "$cache/venv/bin/python" "$here/moto_server.py" "$p"
p=$(port); export TROUPE_DYNALITE=http://127.0.0.1:$p # DynamoDB with conditions that are atomic, and no ALL_OLD
start dynalite "$p" node "$cache/node/node_modules/dynalite/cli.js" --host 127.0.0.1 --port "$p" --createTableMs 0 --deleteTableMs 0
if [[ -x $cache/node/node_modules/node/bin/node ]]; then
  p=$(port); export TROUPE_FAUXQS=http://127.0.0.1:$p # SQS whose FIFO queues keep their order
  cp "$here/fauxqs_server.mjs" "$cache/node/"
  start fauxqs "$p" "$cache/node/node_modules/node/bin/node" "$cache/node/fauxqs_server.mjs" "$p"
else
  left_out+='|fauxqs'
  say "fauxqs is left out: there is no Node 22 for this machine"
fi
if [[ $java ]] && compgen -G "$cache/elasticmq.????????????????" >/dev/null; then
  p=$(port); export TROUPE_ELASTICMQ=http://127.0.0.1:$p # SQS whose FIFO queues do what is recorded of AWS, but for one case
  start elasticmq "$p" java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Drest-sqs.bind-hostname=127.0.0.1 -Drest-sqs.bind-port="$p" \
    -Dnode-address.host=127.0.0.1 -Dnode-address.port="$p" -Drest-stats.enabled=false -cp "$cache/elasticmq/*" org.elasticmq.server.Main
else
  left_out+='|elasticmq'
  say "elasticmq is left out: there is no java or no mvn, or Maven cannot install it"
fi
p=$(port); export TROUPE_REDIS=127.0.0.1:$p
start redis "$p" redis-server --bind 127.0.0.1 --port "$p" --save '' --appendonly no --dir "$run"
# The interpreters and packages of Powertools.
export TROUPE_PYTHON=$cache/venv/bin/python TROUPE_NODE_MODULES=$cache/node/node_modules

# --- tests ----------------------------------------------------------------------------------------------------

if [[ ${1-} == -- ]]; then
  shift
  "$@"
  exit
fi
ran=0
while read -r module packages tests; do
  [[ -n $module && -e $module/go.mod && ( $# -eq 0 || " $* " == *" $module "* ) ]] || continue
  say "$module: $packages"
  # shellcheck disable=SC2086
  (cd "$module" && go test -count=1 -timeout 12m -v -run "$tests" $packages) | tee "$run/tests" | grep -vE '^ *(=== |--- PASS)'
  if grep -E '^ *--- SKIP' "$run/tests" | grep -vE "$left_out"; then
    say "$module: these tests were skipped although their servers are there"
    exit 1
  fi
  ran=$((ran + 1))
done <<<"$suites"
((ran)) || { say "no suite of ${*:-any module}"; exit 1; }
