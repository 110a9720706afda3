#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Puts the kernel's own tests through skep's verifier and the kernel's: what ./dev selftests runs. From the project's root.
set -euo pipefail

usage() {
	cat <<'EOT'
usage: ./dev selftests [--kernel-only | --skep-only] [--as root|bpf|user] [--record] [--diff] [--json] [--all] [FILE...]
       ./dev selftests --log LEVEL FILE:PROG...

Builds the test programs of Linux 6.12 (NAME: progs/NAME.c) and the old-style tests of 6.1 (6.1/NAME), loads each program alone
through skep and the kernel, and compares. Nothing is attached. FILE: only these. Where the running kernel is not a 6.18 or does
not let us load, its verdicts are those in tests/selftests/verdicts-6.18.tsv.

  --kernel-only   ask the kernel only
  --skep-only     ask skep only, and compare with the kernel's answers of the last run, or with the recorded ones
  --as WHO        who loads: root (default); bpf: a loader with CAP_BPF alone; user: without capabilities, where the system lets
                  users load at all. For the last two only socket filters and cgroup_skb programs, named PROG@WHO
  --record        write the kernel's verdicts to that file (with --as root: those for bpf too)
  --diff          print every difference: verdict, program, section, the kernel's reason, skep's reason; tab-separated
  --json, --all   see tests/selftests/compare.py
  --log LEVEL     print the logs that both write about FILE:PROG (6.1/FILE:INDEX) at that level, 1 or 2
EOT
}

here=tests/selftests
out=build/selftests
recorded=$here/verdicts-6.18.tsv
kernel=1 skep=1 record=() how=() progs=() raws=() some='' level='' as=root
while [ $# -gt 0 ]; do
	case $1 in
	--kernel-only) skep= ;;
	--skep-only) kernel= ;;
	--record) record=(--record "$recorded") ;;
	--diff | --json | --all) how+=("$1") ;;
	--as)
		as=${2:?}
		shift
		;;
	--log)
		level=${2:?}
		shift
		;;
	-h | --help) usage; exit ;;
	-*) usage >&2; exit 2 ;;
	6.1/*) raws+=("${1#6.1/}") some=1 ;;
	*) progs+=("${1##*/}") some=1 ;;
	esac
	shift
done
if [ ${#record[@]} -gt 0 ] && [ "$some$as" != root ]; then
	echo "selftests: --record takes neither FILE nor --as: the record is of all" >&2
	exit 2
fi

say() { echo "selftests: $*" >&2; }
mk() { nice make -s --no-print-directory -j"$(nproc)" -f $here/Makefile "$@"; }

mk sources
[ -d $out/objects ] || say "compiling the test programs takes some minutes, once"
targets=(objects)
[ -z "$kernel" ] || targets+=(kernel-runners)
if [ -n "$skep" ]; then
	# The floors and nothing else: what else is being worked on may not build.
	ninja -C build -t targets all | sed -n 's|^\(src/.*libfloor_.*\.a\): .*|\1|p' | nice xargs ninja -C build --quiet >&2
	targets+=(skep-runners)
fi
mk "${targets[@]}"
failed=$(comm -13 <(cd $out/objects && ls ./*.bpf.o | sed 's/\.bpf\.o$//') <(cd $out/objects && ls ./*.log | sed 's/\.log$//') | wc -l)
say "$(ls $out/objects/*.bpf.o | wc -l) objects; $failed sources do not compile (see $out/objects/NAME.log)"

# logs SIDE: what one side writes about the programs named.
logs() {
	local name
	echo "---- $1"
	for name in "${progs[@]}"; do
		"$out/load-progs-$1" -u "$as" -l "$level" -p "${name#*:}" "$out/objects/${name%%:*}.bpf.o"
	done
	[ ${#raws[@]} = 0 ] || "$out/load-raw-$1" -u "$as" -l "$level" "${raws[@]}"
}
if [ -n "$level" ]; then
	[ -z "$kernel" ] || logs kernel
	[ -z "$skep" ] || logs skep
	exit
fi

mkdir -p $out/out
# ask SIDE WHO: all questions to one side; the answers' file is named in $answers.
ask() {
	local objects=() file
	answers=$out/out/$1-$2${some:+-some}.jsonl
	if [ -n "$some" ]; then
		objects=("${progs[@]/%/.bpf.o}") # FILE only: all of its programs
	else
		for file in $out/objects/*.bpf.o; do
			case $file in */btf__*) ;; *) objects+=("$(basename "$file")") ;; esac
		done
	fi
	say "asking $1 as $2 ..."
	: >"$answers"
	[ ${#objects[@]} = 0 ] || printf "$out/objects/%s\n" "${objects[@]}" |
		xargs -P "$(nproc)" -n 4 "$out/load-progs-$1" -u "$2" >>"$answers"
	[ -n "$some" ] && [ ${#raws[@]} = 0 ] || "$out/load-raw-$1" -u "$2" ${raws[@]+"${raws[@]}"} >>"$answers"
	say "asked $1 as $2: $(wc -l <"$answers") programs, ${SECONDS} s since the start"
}

theirs=("$recorded")
if [ -n "$kernel" ] && [[ $(uname -r) == 6.18* ]] && $out/load-raw-kernel and:0 | grep -qE '"verdict":"(accept|reject)"'; then
	theirs=()
	if [ ${#record[@]} -gt 0 ]; then
		ask kernel bpf
		theirs=("$answers")
	fi
	ask kernel "$as"
	theirs+=("$answers")
elif [ -n "$kernel" ]; then
	say "this kernel ($(uname -r)) is not a 6.18 or refuses to load: its verdicts are the recorded ones"
	record=()
elif [ -s "$out/out/kernel-$as.jsonl" ]; then
	theirs=("$out/out/kernel-$as.jsonl")
fi
ours=()
if [ -n "$skep" ]; then
	if [ -n "$kernel" ] && [ -z "$some" ] && [ "${theirs[0]}" != $recorded ] && [ "$as" = root ]; then
		$out/map-attrs || say "maps of a checking hive differ from the kernel's: see above"
	fi
	ask skep "$as"
	ours=(--skep "$answers")
fi
python3 $here/compare.py --kernel "${theirs[@]}" "${ours[@]}" "${record[@]}" "${how[@]}"
