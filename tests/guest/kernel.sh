# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# The guest kernel, for scripts that boot it: where it comes from, how a root for it is made, how qemu starts it. Source it from the project's root.
#
# It is Debian's cloud kernel 6.1, out of its package as it is: nothing of it is installed. It boots under qemu without KVM, which is emulation: slow (about a tenth of
# the machine), but the same everywhere, and no permission is needed. The root is an initramfs, so nothing has to be mounted to make it and any user can.
guest_out=build/guest

guest_say() { echo "guest: $*" >&2; }

# guest_fetch: the kernel's package, fetched and unpacked once. Sets guest_kernel (the folder), guest_image and guest_release.
guest_fetch() {
	local package deb
	package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-6\.1/ && !n++ { print $2 }')
	if [ -z "$package" ]; then
		guest_say "no Linux 6.1 among this system's packages: it is Debian 12's (there, 'apt-get update' makes the list)"
		return 77
	fi
	mkdir -p $guest_out
	if ! compgen -G "$guest_out/${package}_*.deb" >/dev/null; then
		guest_say "fetching $package"
		(cd $guest_out && apt-get download -q "$package") >$guest_out/fetch.log 2>&1 || {
			cat $guest_out/fetch.log >&2
			guest_say "$package could not be fetched: apt-get download says why, above"
			return 1
		}
	fi
	deb=$(compgen -G "$guest_out/${package}_*.deb" | sort -V | tail -1)
	guest_kernel=$guest_out/$(basename "$deb" .deb)
	# Unpacked beside, then renamed: a folder that is there is whole.
	if [ ! -d "$guest_kernel" ]; then
		rm -rf "$guest_kernel.new"
		dpkg-deb -x "$deb" "$guest_kernel.new"
		mv "$guest_kernel.new" "$guest_kernel"
	fi
	guest_image=$(compgen -G "$guest_kernel/boot/vmlinuz-*")
	guest_release=${guest_image##*/vmlinuz-}
}

# guest_root DIR: an empty root, laid out as Debian's, so that what is copied finds its libraries; with busybox and all its applets.
guest_root() {
	local root=$1 name
	rm -rf "$root"
	mkdir -p "$root"/{proc,sys,dev,tmp,run,root,etc,usr/bin,usr/sbin,usr/lib,usr/lib64}
	for name in bin sbin lib lib64; do ln -s usr/$name "$root/$name"; done
	cp "$(PATH=$PATH:/usr/sbin:/sbin command -v busybox)" "$root/usr/bin/busybox"
	for name in $("$root/usr/bin/busybox" --list); do
		[ "$name" = busybox ] || ln -s busybox "$root/usr/bin/$name"
	done
}

# guest_add ROOT FILE...: programs and libraries, named by path or as the shell finds them, with the libraries that they need. They replace applets.
guest_add() {
	local root=$1 name file library
	shift
	for name; do
		file=$(PATH=$PATH:/usr/sbin:/sbin command -v "$name") || file=$name
		[ -f "$file" ] || { guest_say "$name is wanted in the guest, but is not here"; return 1; }
		case $file in
		*.so*) cp -L "$file" "$root/usr/lib/" ;;
		*) cp -L --remove-destination "$file" "$root/usr/bin/${file##*/}" ;;
		esac
		# Static programs have none, and ldd fails on them.
		ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			[ -e "$root$library" ] || { mkdir -p "$root$(dirname "$library")" && cp -L "$library" "$root$library"; }
		done || true
	done
}

# guest_modules ROOT NAME...: kernel modules and those that they need, with what modprobe reads. Call guest_fetch before.
guest_modules() {
	local root=$1 from=$guest_kernel/lib/modules/$guest_release to=$1/lib/modules/$guest_release name line file
	shift
	# The package leaves depmod to its installation.
	[ -f "$from/modules.dep" ] || "$root/usr/bin/busybox" depmod -b "$PWD/$guest_kernel" "$guest_release"
	for name; do
		line=$(grep -E "(^|/)$name\.ko:" "$from/modules.dep") || { guest_say "$guest_release has no module '$name'"; return 1; }
		for file in ${line/:/}; do
			file=${file#"$PWD/$guest_kernel/lib/modules/$guest_release/"}
			mkdir -p "$to/$(dirname "$file")"
			cp "$from/$file" "$to/$file"
		done
	done
	"$root/usr/bin/busybox" depmod -b "$(realpath "$root")" "$guest_release"
}

# guest_pack ROOT FILE: the initramfs. Everything in it is root's, whoever packs. Not compressed: unpacking would be emulated.
guest_pack() { (cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$2"; }

# guest_boot SECONDS MEGABYTES INITRAMFS [WORD...]: the guest, its console on stdin and stdout, until it powers off, panics or has had its time. A WORD like a=b is in the
# environment of its init. loglevel=1 hides all of the kernel's messages but a panic's.
guest_boot() {
	local seconds=$1 memory=$2 initramfs=$3
	shift 3
	timeout --foreground "$seconds" qemu-system-x86_64 -cpu max -m "$memory" -smp 1 -nographic -no-reboot -nic none -kernel "$guest_image" -initrd "$initramfs" \
		-append "console=ttyS0 quiet loglevel=1 panic=-1 oops=panic lsm=landlock,lockdown,yama,bpf $*"
}
