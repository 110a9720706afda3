#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs the test scripts of this folder as root of a Linux 6.1 of their own: what ./dev test-guest runs, after the build. From the project's root.
# usage: guest.sh [NAME | --shell | --bench]    --bench: bench-tasks.sh in place of the tests
#
# For what must not be tried on the machine itself (system-wide attachments, kprobes, LSM programs) or cannot be there. The guest (kernel.sh) has, beside busybox: skep
# with its libraries, bash, iproute2, bpftool, the helpers that are C files of this folder, tests/tap.sh, and in $objects the eBPF objects of this folder and of tests/deploy.
# A script gets nothing else; it says TAP, and must leave the machine as it found it. GUEST_LIMIT in the environment gives them all other than 600 seconds.
set -euo pipefail
# shellcheck source=tests/guest/kernel.sh
. tests/guest/kernel.sh

here=tests/guest
out=$guest_out/test
root=$out/root
made=build/tests/guest      # what this script compiles
limit=${GUEST_LIMIT:-600}   # seconds for all of it
script_limit=$((limit / 2)) # ... and for one script
# veth, 8021q: links between namespaces, and VLANs of them; overlay: roots as containers have them; the others: what tc(8) and skep ask for on an interface.
modules='veth 8021q dummy tun sch_ingress cls_bpf act_bpf overlay'

names=()
shell=
case "${1:-}" in
'' | --shell)
	[ -z "${1:-}" ] || shell=1
	for script in "$here"/test-*.sh; do names+=("$(basename "${script#"$here"/test-}" .sh)"); done
	;;
--bench) names=(bench-tasks) ;;
*)
	if [ ! -f "$here/test-$1.sh" ]; then
		guest_say "there is no $here/test-$1.sh; there are: $(cd $here && echo test-*.sh)"
		exit 2
	fi
	names=("$1")
	;;
esac

guest_fetch
mkdir -p $made
rm -f "$made"/*.bpf.o # of sources that are no more
for source in "$here"/*.bpf.c; do
	clang -target bpf -mcpu=v3 -O2 -g -Wall -Wno-unused-function -Werror -D__TARGET_ARCH_x86 "-I/usr/include/$(cc -dumpmachine)" -c "$source" \
		-o "$made/$(basename "$source" .c).o"
done
# Static: what a probed process does is then what it says it does, no dynamic linker opens files on its behalf.
cc -std=gnu17 -O2 -Wall -Wextra -Werror -static $here/target.c -o $made/target
cc -std=gnu17 -O2 -Wall -Wextra -Werror -static $here/names.c -o $made/names
cc -std=gnu17 -O2 -Wall -Wextra -Werror -static $here/tries.c -o $made/tries
cc -std=gnu17 -O2 -Wall -Wextra -Werror -static $here/opens.c -o $made/opens
cc -std=gnu17 -O2 -Wall -Wextra -Werror $here/hits.c -lbpf -lelf -lz -o $made/hits

guest_root $root
mkdir -p $root/objects $root/tests/guest
guest_add $root bash ip tc bpftool build/skep $made/target $made/names $made/hits $made/tries $made/opens
# skep opens it by name; where it is not on this machine, skep in the guest says so.
slirp=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p | awk '$1 == "libslirp.so.0" && !n++ { print $NF }')
[ -z "$slirp" ] || guest_add $root "$slirp"
# shellcheck disable=SC2086 # words
guest_modules $root $modules
# shellcheck disable=SC2086
printf '%s\n' $modules >$root/etc/modules
printf 'root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/tmp:/bin/bash\n' >$root/etc/passwd
printf 'root:x:0:\nuser:x:1000:\n' >$root/etc/group
cp $here/init $root/init
cp tests/tap.sh tests/said.sh $root/tests/
for name in "${names[@]}"; do
	case $name in
	bench-*) cp "$here/$name.sh" "$root/tests/guest/test-$name.sh" ;;
	*) cp "$here/test-$name.sh" $root/tests/guest/ ;;
	esac
done
for object in build/tests/guest/*.bpf.o build/tests/deploy/*.bpf.o; do
	[ -f "$object" ] || continue
	[ ! -e "$root/objects/$(basename "$object")" ] || { guest_say "two objects have the name of $object: \$objects is one folder"; exit 1; }
	cp "$object" $root/objects/
done
chmod +x $root/init
guest_pack $root $out/initramfs

if [ "$shell" ]; then
	guest_say "a shell in Linux $guest_release (Ctrl-A X ends qemu)"
	guest_boot 0 1024 $out/initramfs guest_shell=1
	exit
fi
guest_say "booting Linux $guest_release for ${#names[@]} script(s); at most $limit s"
# The answer is console.py's: it sees whether the guest came to its end, and is told how qemu ended where that was not well.
{ guest_boot "$limit" 1024 $out/initramfs "guest_seconds=$script_limit" </dev/null 2>$out/qemu.log || printf '\n=== ended %s\n' $?; } |
	python3 $here/console.py --log $out/console "${names[@]}" || {
	sed 's/^/qemu: /' $out/qemu.log >&2
	exit 1
}
