#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Asks a real Linux 6.1 what `skep check --kernel 6.1` answers from tables: what ./dev check-guest runs. From the project's root.
#
# Debian's cloud kernel boots in qemu (no KVM needed) with an initramfs that holds one static loader and the objects: those of Debian's packages
# (./dev debian) and the kernel's own tests (./dev selftests), as far as they are there. Each program is loaded alone and closed. Then the answers are compared.
set -euo pipefail

out=build/guest
say() { echo "guest: $*" >&2; }
limit=${1:-200} # objects of the kernel's own tests

mkdir -p $out/root/{proc,sys,objects,bin}
package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-6.1/ { print $2; exit }')
[ -n "$package" ] || { say "no Linux 6.1 among this system's packages"; exit 77; }
if ! ls $out/"$package"_*.deb >/dev/null 2>&1; then
	say "fetching $package"
	(cd $out && apt-get download -q "$package" >/dev/null 2>&1)
fi
[ -d $out/kernel ] || dpkg-deb -x $out/"$package"_*.deb $out/kernel
make -s --no-print-directory -f tests/selftests/Makefile sources
here=tests/selftests
gcc -std=gnu17 -O2 -D_GNU_SOURCE -static -Ibuild/selftests/include -Ibuild/selftests/linux-source-6.12/tools/include/uapi -DWRAPPED=syscall \
	-Wl,--wrap=syscall $here/load_progs.c $here/run.c $here/object.c $here/side_kernel.c build/selftests/libbpf/libbpf.a -lelf -lz -lpthread \
	-o $out/root/bin/load-progs
cp "$(command -v busybox)" $out/root/bin/busybox
rm -f $out/root/objects/*
for f in build/debian/objects/*.bpf.o $(ls build/selftests/objects/*.bpf.o 2>/dev/null | grep -v /btf__ | shuf --random-source=<(yes) -n "$limit"); do
	[ -f "$f" ] && cp "$f" $out/root/objects/
done
cat >$out/root/init <<'INIT'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t tracefs tracefs /sys/kernel/tracing
echo "=== begin $(/bin/busybox uname -r)"
for f in /objects/*.bpf.o; do /bin/load-progs -u root "$f" 2>/dev/null; done
echo "=== end"
/bin/busybox poweroff -f
INIT
sed -i 's|#!/bin/busybox sh|#!/bin/busybox sh|' $out/root/init
chmod +x $out/root/init
(cd $out/root && find . | cpio -o -H newc --quiet | gzip -1) >$out/initramfs.gz
say "booting $(basename $out/kernel/boot/vmlinuz-*) with $(ls $out/root/objects | wc -l) objects; a program takes tens of milliseconds there"
timeout 1500 qemu-system-x86_64 -cpu max -m 2048 -smp 1 -nographic -no-reboot -kernel $out/kernel/boot/vmlinuz-* -initrd $out/initramfs.gz \
	-append 'console=ttyS0 quiet loglevel=0 panic=-1 lsm=landlock,lockdown,yama,bpf' </dev/null >$out/console 2>$out/qemu.log || true
grep -q '=== end' $out/console || { say "the guest did not come to its end: see $out/console"; tail -5 $out/console >&2; exit 1; }
python3 tests/guest/compare.py build/skep 6.1 $out/console $out/root/objects
