#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Real software, unchanged and without proxy variables, against servers that are started here (world.sh): under a policy that allows it, and
# refused under one that does not.
world=1
. "$(dirname "$0")/user.sh"
python3 "$source/tests/run/packages.py" "$world/www" 300 30 || exit 1
cd "$HOME" || exit 1
export NODE_EXTRA_CA_CERTS="$world/ca.pem" npm_config_cafile="$world/ca.pem" PIP_CERT="$world/ca.pem" GIT_SSL_CAINFO="$world/ca.pem"
ca="$world/ca.pem"

# with PROGRAM NAME COMMAND...: ok, where the program is there.
with() {
	local program=$1 name=$2
	shift
	if command -v "$program" >/dev/null; then ok "$@"; else skip "$name" "$program is not installed"; fi
}
# refused PATTERN ARGS...: the command ends soon (nothing waits for an answer: that takes five seconds and more), and not well; the report says so.
refused() {
	local pattern=$1 began=${EPOCHREALTIME/./} status
	shift
	run "$@"
	status=$?
	case $status in 0 | 125 | 126 | 127) false ;; esac || { echo "exit code $status"; cat "$tmp/out" "$tmp/err"; return 1; }
	[ $((${EPOCHREALTIME/./} - began)) -lt 4500000 ] || { echo "took $((${EPOCHREALTIME/./} - began)) us"; return 1; }
	complains "$pattern"
}

# curl, wget, static binaries, node
tls() { exits 0 --allow "$1" -- curl -sS --cacert "$ca" "https://$2/" && prints "hello from $2"; }
ok "curl over TLS to an allowed name" tls web.test:443 web.test
ok "... by CNAMEs" tls www.cdn.test www.cdn.test
ok "... by IPv6 alone" tls v6.test v6.test
ok "... refused: another name" refused 'look-up of one.test: no rule allows' --allow web.test -- curl -sS --cacert "$ca" https://one.test/
with wget "wget" exits 0 --allow web.test:443 -- wget -q --ca-certificate="$ca" -O - https://web.test/
with wget "wget, refused: another port" refused 'web.test' --allow web.test:80 -- wget -q -t 1 --ca-certificate="$ca" -O - https://web.test/
with busybox "a static binary: busybox" exits 0 --allow web.test:80 -- busybox wget -q -O - http://web.test/
with busybox "a static binary: busybox, refused" refused 'one.test' --allow web.test:80 -- busybox wget -q -O - http://one.test/
if gcc -static -O1 -o "$HOME/client" "$source/tests/run/static.c" 2>"$tmp/why"; then
	own() { exits 0 --allow "$1" -- ./client "$2" 80 / && says "^hello from $2"; }
	ok "a static program with a resolver of its own, as Go's are" own web.test web.test
	ok "... by CNAMEs" own '*.cdn.test' www.cdn.test
	ok "... by IPv6 alone" own v6.test v6.test
	ok "... refused: look-up" refused 'look-up of one.test' --allow web.test -- ./client one.test 80 /
	ok "... refused: port" refused 'web.test' --allow web.test:443 -- ./client web.test 80 /
else
	skip "a static program with a resolver of its own" "gcc -static does not work: $(head -1 "$tmp/why")"
fi
if PATH=$PATH:/usr/lib/go/bin command -v go >/dev/null && CGO_ENABLED=0 GOCACHE="$tmp/go" GO111MODULE=off go build -o "$HOME/go-client" "$source/tests/run/client.go" 2>"$tmp/why"; then
	go_tls() { CA=$ca exits 0 --allow "*.test:443,*.test:80" -- ./go-client https://web.test/ http://one.test/ https://v6.test/ && [ "$(grep -c '^200 ' "$tmp/out")" = 3 ]; }
	ok "a Go program: TLS and HTTP, over IPv4 and IPv6, at the same time" go_tls
	many() {
		local urls
		urls=$(for _ in $(seq 200); do echo http://web.test/; done)
		# shellcheck disable=SC2086
		exits 0 --allow web.test:80 -- ./go-client $urls && [ "$(grep -c '^200 ' "$tmp/out")" = 200 ]
	}
	ok "... two hundred connections at a time" many
	ok "... refused: look-up" refused 'look-up of one.test' --allow web.test -- ./go-client http://one.test/
	ok "... refused: port" refused 'web.test' --allow web.test:443 -- ./go-client http://web.test/
else
	skip "a Go program" "there is no go here, or it does not compile: $(head -1 "$tmp/why" 2>/dev/null)"
fi
cat >fetch.js <<'EOT'
fetch(process.argv[2]).then(r => r.text()).then(t => process.stdout.write(t)).catch(e => { console.error(e.cause || e); process.exit(9); })
EOT
node_fetch() { exits 0 --allow web.test:443 -- node fetch.js https://web.test/ && prints "hello from web.test"; }
with node "node over TLS" node_fetch
with node "node, refused" refused 'look-up of one.test.*node fetch.js' --allow web.test:443 -- node fetch.js https://one.test/

# dig, ping
dig_short() { exits 0 --allow '*.cdn.test' -- dig +short "$@" www.cdn.test A && says '^192.0.2.3$'; }
with dig "dig" dig_short
with dig "dig over TCP" dig_short +tcp
with dig "dig by the resolver's IPv6 address" dig_short @fd00::3
dig_refused() { exits 0 --allow '*.cdn.test' -- dig "$@" one.test A && says 'status: REFUSED' && complains 'look-up of one.test'; }
with dig "dig, refused" dig_refused
with dig "dig over TCP, refused" refused 'look-up of one.test' --allow '*.cdn.test' -- dig +tcp one.test A
dig_elsewhere() { exits 0 --allow 192.0.2.54:53,192.0.2.54/icmp -- dig +short $1 @192.0.2.54 one.test && prints 192.0.2.2; }
with dig "dig of another name server that is allowed" dig_elsewhere
with dig "... over TCP, which it refuses itself" refused '' --allow 192.0.2.54:53 -- dig +tcp +tries=1 +time=1 @192.0.2.55 one.test
with dig "dig of another name server, refused" refused 'udp 192.0.2.54:53: no rule allows' --allow one.test -- dig +tries=1 +time=1 @192.0.2.54 one.test
if "$skep" doctor 2>/dev/null | grep -q '^ok.*ping'; then
	ok "ping of a name" exits 0 --allow web.test/icmp -- ping -4 -c 1 -W 2 web.test
	ok "ping over IPv6" exits 0 --allow v6.test/icmp -- ping -6 -c 2 -i 0.2 -W 2 v6.test
	large() { exits 0 -- ping -6 -c 1 -W 2 -s 20000 v6.test && exits 0 -- ping -4 -c 1 -W 2 -s 20000 web.test; }
	ok "... of twenty thousand bytes" large
	several() { exits 0 -- sh -c 'for n in 1 2 3 4 5 6 7 8 9; do ping -6 -c 1 -W 2 2001:db8::$n >/dev/null & p="$p $!"; done; for n in $p; do wait $n || exit 1; done'; }
	ok "... of several at once" several
	alien() { exits 1 -- ping -6 -c 1 -W 1 -I eth0 ff02::2 && ! grep -qi slirp "$tmp/err"; }
	ok "... of a group: nobody answers, and nothing is printed between the command's lines" alien
	cp "$(realpath "$(command -v ping)")" myping
	ok "ping, bound to a program" exits 0 --allow "exe=$HOME/myping 192.0.2.1/icmp" -- ./myping -4 -c 1 -W 2 192.0.2.1
	ok "... refused to another" refused 'icmp 192.0.2.1: .*ping' --allow "exe=$HOME/myping 192.0.2.1/icmp" -- ping -4 -c 1 -W 2 192.0.2.1
	ok "ping, refused at once" refused 'icmp 192.0.2.1.*ping' --allow web.test:443 -- ping -4 -c 1 -W 2 web.test
else
	skip "ping" "$("$skep" doctor 2>/dev/null | grep -i -A1 ping | tr '\n' ' ')"
fi

# git
git_env=(env GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory "GIT_CONFIG_VALUE_0=*")
make_repository() {
	mkdir -p "$world/git/skep" work && cd work && git init -q -b main . && head -c 300000 /dev/urandom >data && git add data &&
		git -c user.name=t -c user.email=t@skep.test commit -q -m data && git clone -q --bare . "$world/git/skep/data.git"
}
clone() {
	local url=$1
	shift
	rm -rf clone
	exits 0 "$@" -- "${git_env[@]}" git clone -q "$url" clone && cmp work/data clone/data
}
if command -v git >/dev/null && (make_repository >/dev/null 2>&1); then
	ok "git clone over https" clone https://github.com/skep/data.git --profile git
	ok "git clone over https, bound to git" clone https://github.com/skep/data.git --allow "exe=/usr/lib/git-core/git* github.com:443"
	rm -rf clone
	ok "git clone over https, refused" refused 'look-up of github.com.* < git' --allow web.test -- git clone -q https://github.com/skep/data.git clone
	if command -v dropbear >/dev/null && command -v ssh >/dev/null; then
		mkdir -p -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id && cp .ssh/id.pub .ssh/authorized_keys && chmod 600 .ssh/authorized_keys &&
			dropbearkey -t ed25519 -f host.key >/dev/null 2>&1
		dropbear -F -E -s -p 22 -r host.key -P "$tmp/dropbear.pid" 2>"$tmp/dropbear" &
		servers="$servers $!"
		for _ in $(seq 100); do [ -s "$tmp/dropbear.pid" ] && break; sleep 0.05; done
		ssh_clone() {
			GIT_SSH_COMMAND="ssh -i $HOME/.ssh/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes" \
				"$@" || { cat "$tmp/dropbear"; return 1; }
		}
		url="ssh://tester@github.com$world/git/skep/data.git"
		ok "git clone over ssh" ssh_clone clone "$url" --profile git
		ok "git clone over ssh, bound to git" ssh_clone clone "$url" --allow "exe=$(command -v git) github.com:22"
		rm -rf clone
		ok "git clone over ssh, refused: the rule is bound to another program" ssh_clone refused 'github.com.*ssh .* < git ' \
			--allow "exe=/usr/bin/curl github.com:22" -- git clone -q "$url" clone
		ok "ssh outside of git, refused" ssh_clone refused 'github.com' --allow "exe=$(command -v git) github.com:22" -- \
			ssh -o BatchMode=yes -o StrictHostKeyChecking=no tester@github.com true
	else
		skip "git clone over ssh" "dropbear or ssh is not installed"
	fi
else
	skip "git" "git is not installed"
fi

# pip
if /usr/bin/python3 -m pip --version >/dev/null 2>&1 && /usr/bin/python3 -m venv --without-pip v 2>/dev/null; then
	pip=(/usr/bin/python3 -m pip --python v/bin/python --disable-pip-version-check install --no-cache-dir --retries 0)
	pip_installs() { exits 0 --profile pip -- "${pip[@]}" -q skep-w0 && [ "$(ls v/lib/python3*/site-packages/skep_w*.py | wc -l)" = 30 ]; }
	ok "pip install, 30 packages" pip_installs
	ok "pip install, refused" refused 'look-up of pypi.org.*pip' --profile npm -- "${pip[@]}" --force-reinstall skep-w1
else
	skip "pip install" "python3-pip or python3-venv is not installed"
fi

# apt
if command -v apt-get >/dev/null && [ -r /etc/apt ]; then
	mkdir -p apt/lists/partial apt/archives/partial apt/parts && : >apt/status
	echo "deb [trusted=yes arch=amd64] http://deb.debian.org/debian stable main" >apt/sources.list
	apt=(apt-get -o Dir::Etc::sourcelist="$HOME/apt/sources.list" -o Dir::Etc::sourceparts="$HOME/apt/parts" -o Dir::State="$HOME/apt"
		-o Dir::State::status="$HOME/apt/status" -o Dir::Cache="$HOME/apt" -o Acquire::Languages=none -o Debug::NoLocking=1
		-o Acquire::Retries=0 -o APT::Update::Error-Mode=any)
	apt_works() {
		exits 0 --profile apt -- "${apt[@]}" update && exits 0 --profile apt -- "${apt[@]}" download skep-d &&
			cmp skep-d_1.0_all.deb "$world/www/deb.debian.org/debian/pool/skep-d.deb"
	}
	ok "apt-get update, download" apt_works
	ok "apt-get update, refused" refused 'look-up of (_http._tcp.)?deb.debian.org.*http.* < apt-get' --profile pip -- "${apt[@]}" update
else
	skip "apt" "this machine has no apt"
fi

# npm
if command -v npm >/dev/null; then
	mkdir -p project && cd project && echo '{"name":"project","version":"1.0.0","private":true}' >package.json
	npm=(npm install --no-fund --no-update-notifier --fetch-retries=0)
	npm_installs() {
		rm -rf node_modules package-lock.json "$HOME/.npm"
		: >"$world/log"
		exits 0 "$@" -- "${npm[@]}" skep-p0 && [ "$(ls -d node_modules/skep-p* | wc -l)" = 300 ]
	}
	ok "npm install, 300 packages, without a policy" npm_installs
	ok "... whose script talks to somebody" grep -q '^web GET telemetry.test /collect' "$world/log"
	ok "npm install under its profile" npm_installs --profile npm
	telemetry() {
		! grep -q telemetry "$world/log" && complains 'look-up of telemetry.test: no rule allows it' &&
			complains 'curl .*telemetry.test.* < sh .* < npm.*, in node_modules/skep-p5'
	}
	ok "... the script of one package is refused, and named" telemetry
	rm -rf node_modules package-lock.json "$HOME/.npm"
	ok "npm install, refused" refused 'look-up of registry.npmjs.org.*npm' --profile pip -- "${npm[@]}" skep-p0
else
	skip "npm install" "npm is not installed"
fi
tap_end
