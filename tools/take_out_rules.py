#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Is every rule of the verifier proved by a test? Takes each refusal out of src/verify, one at a time, and runs tests/verify/rules.

Usage: tools/take_out_rules.py BUILD [FILE...]: BUILD is a meson build directory; FILE limits it to some of src/verify/*.c.

In a copy of src/verify each call that refuses becomes "(rule_off(N) ? 0 : refuse(...))", is compiled once, and then the runner goes
once through all cases for each N, without the kernel. A refusal counts as proved when some case fails then. Prints those that survive.
"""
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLS = re.compile(r'\b(refuse|refused|bad|outside|miss|refuse_alu|bad_tags|bad_read|too_many|bad_return)\(')
SKIP = {'explain.c', 'suggest.c', 'words.c', 'log.c', 'report.c', 'problem.c', 'follow.c', 'slice.c'}
HEAD = '''#include <stdlib.h>
static int rule_off(int n) { static int off = -1; if (off < 0) { const char *e = getenv("RULE_OFF"); off = e ? atoi(e) : 0; } return n == off; }
'''


def end_of_call(text, at):
    """The index behind the parenthesis that closes the one before at; strings may hold some."""
    depth, quoted = 1, None
    while depth:
        c = text[at]
        if quoted:
            if c == '\\':
                at += 1
            elif c == quoted:
                quoted = None
        elif c in '"\'':
            quoted = c
        elif c == '(':
            depth += 1
        elif c == ')':
            depth -= 1
        at += 1
    return at


def rewrite(name, text, sites):
    out, at = [], 0
    for m in CALLS.finditer(text):
        line_start = text.rfind('\n', 0, m.start()) + 1
        before = text[line_start:m.start()]
        end = end_of_call(text, m.end())
        # A definition or declaration begins in column 0; comments and the argument of another call stay.
        if m.start() < at or not before.startswith('\t') or '/*' in before:
            continue
        sites.append((name, text.count('\n', 0, m.start()) + 1, ' '.join(text[m.start():end].split())[:150]))
        out += [text[at:m.start()], '(rule_off(%d) ? 0 : ' % len(sites), text[m.start():end], ')']
        at = end
    return HEAD + '#line 1 "%s"\n' % name + ''.join(out) + text[at:]


def main():
    build = os.path.abspath(sys.argv[1])
    only = set(sys.argv[2:])
    sites, objects = [], []
    with tempfile.TemporaryDirectory() as tmp:
        for name in sorted(os.listdir(ROOT + '/src/verify')):
            if not name.endswith('.c'):
                continue
            path = ROOT + '/src/verify/' + name
            with open(path) as f:
                text = f.read()
            if name not in SKIP and (not only or name in only):
                text = rewrite(name, text, sites)
            with open(tmp + '/' + name, 'w') as f:
                f.write(text)
            objects.append(tmp + '/' + name)
        libs = [build + '/src/%s/libfloor_%s.a' % (d, d) for d in ('helper', 'prog', 'map', 'btf', 'insn', 'base')]
        rules = ROOT + '/tests/verify/rules'
        subprocess.run(['gcc', '-O1', '-w', '-std=gnu17', '-D_GNU_SOURCE', '-I' + ROOT + '/src', '-I' + ROOT + '/include', '-o',
                        tmp + '/runner'] + objects + [rules + '/' + n for n in ('runner.c', 'parse.c', 'build.c', 'kernel.c', 'types.c', 'facts.c')] +
                       ['-Wl,--start-group'] + libs + ['-Wl,--end-group', '-lbpf', '-lelf', '-lz', '-lpthread', '--coverage'], check=True)
        types = tmp + '/types.bpf.o'
        subprocess.run(['clang', '-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-w', '-c', rules + '/types.bpf.c', '-o', types], check=True)

        def run(n):
            env = dict(os.environ, RULES_NO_KERNEL='1', RULE_OFF=str(n), GCOV_PREFIX=tmp)
            try:
                return subprocess.run([tmp + '/runner', types, rules], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      timeout=120).returncode
            except subprocess.TimeoutExpired:
                return -1

        if run(0):
            sys.exit('the suite fails as it is')
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            codes = list(pool.map(run, range(1, len(sites) + 1)))
    for (name, line, text), code in zip(sites, codes):
        if code == 0:
            print('%s:%d: %s' % (name, line, text))
    print('%d refusals, %d caught' % (len(sites), sum(c != 0 for c in codes)))


if __name__ == '__main__':
    main()
