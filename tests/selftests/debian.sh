#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The eBPF objects that Debian's packages ship, put to skep and to the kernel: what ./dev debian runs. From the project's root.
set -euo pipefail

packages='libbpf-tools xdp-tools libxdp1 libxdp-dev pcp libknot13 ir-keytable bpftool systemd'
out=build/debian
here=tests/selftests
say() { echo "debian: $*" >&2; }

[[ $(uname -r) == 6.18* ]] || { say "this kernel ($(uname -r)) is not a 6.18: there is nothing to compare with"; exit 77; }
mkdir -p $out/debs $out/files
for p in $packages; do
	ls $out/debs/"${p}"_* >/dev/null 2>&1 || (cd $out/debs && apt-get download -q "$p" >/dev/null 2>&1) || say "no package $p"
done
for deb in $out/debs/*.deb; do
	name=$(basename "${deb%%_*}")
	[ -d $out/files/"$name" ] || { mkdir $out/files/"$name" && dpkg-deb -x "$deb" $out/files/"$name"; }
done
say "$(python3 tools/carve.py $out/files $out/objects) in $(ls $out/debs/*.deb | wc -l) packages"
make -s --no-print-directory -j"$(nproc)" -f $here/Makefile sources
make -s --no-print-directory -j"$(nproc)" -f $here/Makefile build/selftests/load-progs-kernel build/selftests/load-progs-skep
for side in kernel skep; do
	printf '%s\n' $out/objects/*.bpf.o | xargs -n 4 build/selftests/load-progs-$side -u root >$out/$side.jsonl
done
# Of those that watch processes, in a hive that has some: each program is attached or refused with a sentence, and those of the tools that need nothing but
# what tasks do are attached.
wanted=()
for p in execsnoop:tracepoint__syscalls__sys_{enter,exit}_execve exitsnoop:sched_process_exit opensnoop:tracepoint__syscalls__sys_{enter,exit}_open{,at} \
	statsnoop:handle_{statfs,newstat,statx,newfstatat,newlstat}_{entry,return} syscount:sys_{enter,exit} sigsnoop:{,t,tg}kill_{entry,exit} \
	mountsnoop:{,u}mount_entry tcpconnect:tcp_v{4,6}_connect{,_ret} tcptracer:exit_inet_csk_accept \
	bindsnoop:ipv{4,6}_bind_{entry,exit} solisten:inet_listen_{entry,exit}; do
	wanted+=(-a "libbpf-tools-$p")
done
build/tests/objects/attach-objects "${wanted[@]}" $out/objects/libbpf-tools-*.bpf.o >$out/attach.txt || { grep -E 'is not attached|: $' $out/attach.txt >&2; exit 1; }
say "libbpf-tools in a tree: $(tail -1 $out/attach.txt) ($out/attach.txt)"
python3 $here/compare.py --kernel $out/kernel.jsonl --skep $out/skep.jsonl --diff
