#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# skep map: values through BTF, state files, and every way to get them wrong.
. "$(dirname "$0")/common.sh"
state=$tmp/m.state
wide='{"mood":"ANGRY","port":443,"addr":"192.0.2.9","addr6":"2001:db8::7","mac":"02:00:00:00:00:09","name":"bob","inner":[{"a":-3,"whole":16909060},{"a":4,"parts":[9,8,7,6]}],"low":5,"high":17,"big":18446744073709551615,"small":-9223372036854775808,"flag":true,"pointer":"0xdeadbeef"}'

update() { expect 0 "$skep" map update "$ports" "$@" --state "$state"; }
bad() { # TEXT ARGS...: an update that is refused and leaves the state file as it was
	local text=$1 before after
	shift
	before=$(cat "$state")
	expect 1 "$skep" map update "$ports" "$@" --state "$state" && complains "$text" || return 1
	after=$(cat "$state")
	[ "$before" = "$after" ]
}
shows() {
	expect 0 "$skep" map show "$ports" --json &&
		json "{e['map']: e['type'] for e in o}['routes'] == 'lpm_trie' and len(o) >= 6"
}
wide_round_trip() {
	update wide 77 "$wide" && expect 0 "$skep" map lookup "$ports" wide 77 --state "$state" --json &&
		json "o[0]['key'] == 77 and o[0]['value']['mood'] == 'ANGRY' and o[0]['value']['port'] == 443" &&
		json "o[0]['value']['addr'] == '192.0.2.9' and o[0]['value']['addr6'] == '2001:db8::7'" &&
		json "o[0]['value']['mac'] == '02:00:00:00:00:09' and o[0]['value']['name'] == 'bob'" &&
		json "o[0]['value']['inner'][0] == {'a': -3, 'whole': 16909060, 'parts': [4, 3, 2, 1]}" &&
		json "o[0]['value']['inner'][1]['whole'] == 0x06070809 and o[0]['value']['low'] == 5 and o[0]['value']['high'] == 17" &&
		json "o[0]['value']['big'] == 2**64 - 1 and o[0]['value']['small'] == -2**63" &&
		json "o[0]['value']['flag'] is True and o[0]['value']['pointer'] == '0xdeadbeef'"
}
lpm() {
	update routes '{"prefixlen":8,"addr":"10.0.0.0"}' 3 && update routes '{"prefixlen":16,"addr":"10.1.0.0"}' 4 &&
		expect 0 "$skep" map lookup "$ports" routes '{"prefixlen":32,"addr":"10.1.2.3"}' --state "$state" --json &&
		json "o[0]['value'] == 4"
}
per_cpu() {
	update by_port 3 9 && expect 0 "$skep" map lookup "$ports" by_port 3 --state "$state" --json && json "sum(o[0]['values']) == 9"
}
hex() {
	update numbers 'hex 01 00 00 00' 'hex 0a 0b 0c 0d' && expect 0 "$skep" map lookup "$ports" numbers 1 --state "$state" --json &&
		json "o[0]['value'] == 0x0d0c0b0a"
}
globals() {
	expect 0 "$skep" map dump "$ports" .data --json && json "o[0]['value'] == {'last': 5}" &&
		expect 0 "$skep" map dump "$ports" .rodata --json && json "o[0]['value']['limit'] == 5"
}
dump_restores() {
	expect 0 "$skep" map dump "$ports" --state "$state" --json && cp "$tmp/out" "$tmp/first" &&
		grep -v '"map":".rodata"' "$tmp/first" >"$tmp/again.state" &&
		expect 0 "$skep" map dump "$ports" --state "$tmp/again.state" --json && cmp "$tmp/first" "$tmp/out"
}
delete() {
	update wide 5 '{}' && expect 0 "$skep" map delete "$ports" wide 5 --state "$state" &&
		expect 1 "$skep" map lookup "$ports" wide 5 --state "$state" && complains "there is no such element"
}
line_is_named() { # TEXT LINE
	printf '# a comment\n\n{"map":"numbers","key":0,"value":1}\n%s\n' "$2" >"$tmp/bad.state"
	expect 1 "$skep" map dump "$ports" --state "$tmp/bad.state" && complains "bad.state:4: " && complains "$1"
}
unwritable() {
	expect 1 "$skep" map update "$ports" numbers 1 1 --state /nonexistent/x.state && complains "/nonexistent/x.state: write:"
}

ok "show lists every map with its type" shows
ok "every kind of member goes in and comes out" wide_round_trip
ok "an LPM lookup takes the longest prefix" lpm
ok "a per-CPU map's update adds up to what was given" per_cpu
ok "bytes can be given in hex" hex
ok "global variables are shown by name" globals
ok "what dump --json prints restores the same" dump_restores
ok "delete removes the element" delete
ok "a map that is not there" eval 'expect 1 "$skep" map dump "$ports" nope && grep -q "no map .nope.; it has:" "$tmp/err"'
ok "an index beyond the array" bad "beyond the map's max_entries" numbers 4 1
ok "a full hash" eval 'update wide 1 "{}" && bad "beyond the map" wide 99 "{}"; r=$?; "$skep" map delete "$ports" wide 1 --state "$state"; [ $r = 0 ]'
ok "a number that is too large" bad "too large" numbers 1 4294967296
ok "a number below zero" bad "below 0" numbers 1 '"-1"'
ok "not a number" bad "not a number" numbers 1 abc
ok "a struct where a number stands" bad "a number is wanted" numbers 1 '{}'
ok "a number where a struct stands" bad "an object with the struct's members" wide 1 5
ok "a member that is not there" bad "nope: there is no such member" wide 1 '{"nope":1}'
ok "an enumerator that is not there" bad "neither one of the enum's names" wide 1 '{"mood":"SAD"}'
ok "a string that is too long" bad "too long" wide 1 '{"name":"123456789"}'
ok "a list that is too long" bad "too long" wide 1 '{"inner":[{},{},{}]}'
ok "JSON cut short" bad "not valid JSON: " wide 1 '{"port":443'
ok "JSON with a comma too many" bad "not valid JSON: " wide 1 '{"port":443,,}'
ok "a prefix longer than its address" bad "prefixlen is more than the address has bits" routes '{"prefixlen":33,"addr":"10.0.0.0"}' 1
ok "a read-only map" bad "the map is read-only, its values stand in the object" .rodata 0 '{"limit":1}'
ok "an address that is none" bad "neither an IPv4 address nor a number" wide 1 '{"addr":"1.2.3"}'
ok "an IPv6 address that is none" bad "not an IPv6 address" wide 1 '{"addr6":"::x"}'
ok "a bit field that is too large" bad "too large" wide 1 '{"low":8}'
ok "hex that is too short" bad "too few bytes" numbers 1 'hex 01'
ok "hex that is too long" bad "too many bytes" numbers 1 'hex 01 02 03 04 05'
ok "hex that is none" bad "not a list of bytes" numbers 1 'hex 0x'
ok "a state line that is no JSON is named" line_is_named "not a JSON object" '{nope'
ok "a state line without a key is named" line_is_named "an element needs" '{"map":"numbers"}'
ok "a state line without a value is named" line_is_named 'has no "value"' '{"map":"numbers","key":1}'
ok "a state line for another object is named" line_is_named "has no map 'x'" '{"map":"x","key":1,"value":1}'
ok "a state line beyond the map is named" line_is_named "not below max_entries" '{"map":"numbers","key":9,"value":1}'
ok "a state file that cannot be written" unwritable
ok "no half-written file stays behind" eval '! ls "$tmp" | grep -F m.state.'
ok "a change without a state file" refused 2 "wants --state" map update "$ports" numbers 1 1
ok "an unknown action" refused 2 "map cannot 'drop'" map drop "$ports"
ok "too few arguments" refused 2 "too few" map lookup "$ports"
ok "too many arguments" refused 2 "too many" map show "$ports" x
tap_end
