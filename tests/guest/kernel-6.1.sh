#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Asks a real Linux 6.1 what `skep check --kernel 6.1` answers from tables: what ./dev check-guest runs. From the project's root.
#
# The guest (kernel.sh) holds one static loader and the objects: those of Debian's packages (./dev debian) and the kernel's own tests (./dev selftests), as far as
# they are there. Each program is loaded alone and closed. Then the answers are compared.
set -euo pipefail
# shellcheck source=tests/guest/kernel.sh
. tests/guest/kernel.sh

out=$guest_out/check
root=$out/root
limit=${1:-200} # objects of the kernel's own tests

guest_fetch
guest_root $root
mkdir -p $root/objects
make -s --no-print-directory -f tests/selftests/Makefile sources
here=tests/selftests
gcc -std=gnu17 -O2 -D_GNU_SOURCE -static -Ibuild/selftests/include -Ibuild/selftests/linux-source-6.12/tools/include/uapi -DWRAPPED=syscall \
	-Wl,--wrap=syscall $here/load_progs.c $here/run.c $here/object.c $here/side_kernel.c build/selftests/libbpf/libbpf.a -lelf -lz -lpthread \
	-o $root/bin/load-progs
for f in build/debian/objects/*.bpf.o $(printf '%s\n' build/selftests/objects/*.bpf.o | grep -v /btf__ | shuf --random-source=<(yes) -n "$limit"); do
	[ -f "$f" ] && cp "$f" $root/objects/
done
cat >$root/init <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t tracefs tracefs /sys/kernel/tracing
echo "=== begin $(/bin/busybox uname -r)"
for f in /objects/*.bpf.o; do /bin/load-progs -u root "$f" 2>/dev/null; done
echo "=== end"
/bin/busybox poweroff -f
INIT
chmod +x $root/init
guest_pack $root $out/initramfs
guest_say "booting $guest_release with $(find $root/objects -type f | wc -l) objects; a program takes tens of milliseconds there"
guest_boot 1500 2048 $out/initramfs </dev/null >$out/console 2>$out/qemu.log || true
grep -q '=== end' $out/console || { guest_say "the guest did not come to its end: see $out/console"; tail -5 $out/console >&2; exit 1; }
python3 tests/guest/compare.py build/skep 6.1 $out/console $root/objects
