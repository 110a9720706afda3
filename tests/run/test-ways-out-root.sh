#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# What holds for a user's tree (test-ways-out.sh) holds for one that root started: its powers reach neither interface nor covers.
if [ "$(id -u)" != 0 ]; then
	echo "ok 1 - a tree of root's # SKIP this is not root"
	echo "1..1"
	exit
fi
as_root=1
. "$(dirname "$0")/test-ways-out.sh"
