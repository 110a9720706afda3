#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Puts the kernel's own tests through skep's verifier and the kernel's: what ./dev selftests runs. From the project's root.
set -euo pipefail

usage() {
	cat <<'EOT'
usage: ./dev selftests [--kernel-only | --skep-only] [--record] [--diff] [--json] [--all] [FILE...]

Builds the test programs of Linux 6.12 (NAME: progs/NAME.c) and the old-style tests of 6.1 (6.1/NAME), loads each program alone
through skep and the kernel, and compares. Nothing is attached. FILE: only these. Where the running kernel is not a 6.18 or does
not let us load, its verdicts are those in tests/selftests/verdicts-6.18.tsv.

  --kernel-only   ask the kernel only
  --skep-only     ask skep only, and compare with the kernel's answers of the last run, or with the recorded ones
  --record        write the kernel's verdicts to that file
  --diff          print every difference: verdict, program, section, the kernel's reason, skep's reason; tab-separated
  --json, --all   see tests/selftests/compare.py
EOT
}

here=tests/selftests
out=build/selftests
recorded=$here/verdicts-6.18.tsv
kernel=1 skep=1 record=() how=() progs=() raws=() some=
while [ $# -gt 0 ]; do
	case $1 in
	--kernel-only) skep= ;;
	--skep-only) kernel= ;;
	--record) record=(--record "$recorded") ;;
	--diff | --json | --all) how+=("$1") ;;
	-h | --help) usage; exit ;;
	-*) usage >&2; exit 2 ;;
	6.1/*) raws+=("${1#6.1/}") some=1 ;;
	*) progs+=("$(basename "${1%.bpf.o}")") some=1 ;;
	esac
	shift
done
if [ -n "$some" ] && [ ${#record[@]} -gt 0 ]; then
	echo "selftests: --record takes no FILE: the record is of all" >&2
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
	ninja -C build -t targets all | sed -n 's|^\(src/.*libfloor_.*\.a\): .*|\1|p' | nice xargs ninja -C build --quiet
	targets+=(skep-runners)
fi
mk "${targets[@]}"
failed=$(comm -13 <(cd $out/objects && ls ./*.bpf.o | sed 's/\.bpf\.o$//') <(cd $out/objects && ls ./*.log | sed 's/\.log$//') | wc -l)
say "$(ls $out/objects/*.bpf.o | wc -l) objects; $failed sources do not compile (see $out/objects/NAME.log)"

mkdir -p $out/out
# ask SIDE: all questions to one side; the answers' file is named in $answers.
ask() {
	local objects=() file
	answers=$out/out/$1${some:+-some}.jsonl
	if [ -n "$some" ]; then
		objects=("${progs[@]/%/.bpf.o}")
	else
		for file in $out/objects/*.bpf.o; do
			case $file in */btf__*) ;; *) objects+=("$(basename "$file")") ;; esac
		done
	fi
	say "asking $1 ..."
	: >"$answers"
	[ ${#objects[@]} = 0 ] || printf "$out/objects/%s\n" "${objects[@]}" |
		xargs -P "$(nproc)" -n 4 "$out/load-progs-$1" >>"$answers"
	[ -n "$some" ] && [ ${#raws[@]} = 0 ] || "$out/load-raw-$1" ${raws[@]+"${raws[@]}"} >>"$answers"
	say "asked $1: $(wc -l <"$answers") programs, ${SECONDS} s since the start"
}

theirs=$recorded
if [ -n "$kernel" ] && [[ $(uname -r) == 6.18* ]] && $out/load-raw-kernel and:0 | grep -qE '"verdict":"(accept|reject)"'; then
	ask kernel
	theirs=$answers
elif [ -n "$kernel" ]; then
	say "this kernel ($(uname -r)) is not a 6.18 or refuses to load: its verdicts are the recorded ones"
	record=()
elif [ -s $out/out/kernel.jsonl ]; then
	theirs=$out/out/kernel.jsonl
fi
ours=()
if [ -n "$skep" ]; then
	if [ -n "$kernel" ] && [ -z "$some" ] && [ "$theirs" != "$recorded" ]; then
		$out/map-attrs || say "maps of a checking hive differ from the kernel's: see above"
	fi
	ask skep
	ours=(--skep "$answers")
fi
python3 $here/compare.py --kernel "$theirs" "${ours[@]}" "${record[@]}" "${how[@]}"
