#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Is every refusal of the verifier proved by a test?

Takes each refusal out of src/verify, one at a time, and asks whether a case of tests/verify/rules fails then.

How: in a copy of src/verify every call that refuses becomes "(rule_off(N) ? 0 : refuse(...))", compiled once. A first run over all
cases writes down which refusals each case comes to. Then each refusal is switched off and only the cases that came to it run again:
it is proved when one of them fails. The kernel is not asked.

A refusal that no program can come to bears a comment that says why, on the lines above its statement:

	/* Not reached: WHY */

A call that words what is refused anyway, by who called, is no rule of its own and says so:

	/* Not a rule: WHY */

Such reasons are printed. When a case comes to such a refusal all the same, or when one is neither proved nor has a reason, that is a
finding, and the exit code is 1.
"""
import argparse
import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RULES = ROOT + '/tests/verify/rules'
CALLS = re.compile(r'\b(refuse|refused|bad|outside|miss|refuse_alu|bad_tags|bad_read|too_many|bad_return)\(')
REASON = re.compile(r'/\*[\s*]*(Not reached|Not a rule): (.*?)\s*\*/', re.S)
# They tell why; they do not judge.
SKIP = {'explain.c', 'phrases.c', 'say_access.c', 'say_call.c', 'say_limits.c', 'say_order.c', 'source.c', 'suggest.c',
        'words.c', 'log.c', 'report.c', 'problem.c', 'follow.c', 'slice.c'}
HEAD = 'int rule_off(int n);\n'
SWITCH = '''#include <stdio.h>
#include <stdlib.h>
int rule_off(int n)
{
	static int off = -1;

	if (off < 0) {
		const char *e = getenv("RULE_OFF");

		off = e ? atoi(e) : 0;
	}
	if (!off)
		printf("# comes to %d\\n", n);
	return n == off;
}
'''
Site = collections.namedtuple('Site', 'file line text reason')


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


def reason_above(text, at):
    """The reason in the comment above the statement at: above it, or above the condition that it hangs on."""
    start = max(text.rfind(';', 0, at), text.rfind('}', 0, at), text.rfind('{', 0, at), text.rfind(':\n', 0, at))
    # A comment may itself hold what ends a statement.
    opened, closed = text.rfind('/*', 0, at), text.rfind('*/', 0, at)
    if 0 <= opened < start < closed:
        start = opened
    found = REASON.search(text, start, at)
    return (found.group(1).lower(), ' '.join(re.sub(r'\n\s*\*', ' ', found.group(2)).split())) if found else None


def rewrite(name, text, sites):
    out, at = [], 0
    for m in CALLS.finditer(text):
        line_start = text.rfind('\n', 0, m.start()) + 1
        before = text[line_start:m.start()]
        # A definition or declaration begins in column 0; comments and the argument of another call stay.
        if m.start() < at or not before.startswith('\t') or '/*' in before:
            continue
        end = end_of_call(text, m.end())
        sites.append(Site(name, text.count('\n', 0, m.start()) + 1, ' '.join(text[m.start():end].split())[:150],
                          reason_above(text, m.start())))
        out += [text[at:m.start()], '(rule_off(%d) ? 0 : ' % len(sites), text[m.start():end], ')']
        at = end
    return HEAD + '#line 1 "%s"\n' % name + ''.join(out) + text[at:]


def build_runner(build, only, tmp):
    """Compiles it into tmp. Returns the sites, number 1 first."""
    sites, sources, jobs = [], [], []
    for name in sorted(os.listdir(ROOT + '/src/verify')):
        if not name.endswith('.c'):
            continue
        with open(ROOT + '/src/verify/' + name) as f:
            text = f.read()
        if name not in SKIP and (not only or name in only):
            text = rewrite(name, text, sites)
        with open(tmp + '/' + name, 'w') as f:
            f.write(text)
        sources.append(tmp + '/' + name)
    with open(tmp + '/switch.c', 'w') as f:
        f.write(SWITCH)
    sources.append(tmp + '/switch.c')
    sources += [RULES + '/' + n for n in ('runner.c', 'parse.c', 'build.c', 'kernel.c', 'types.c', 'facts.c')]
    cc = ['gcc', '-O1', '-w', '-std=gnu17', '-D_GNU_SOURCE', '-I' + ROOT + '/src', '-I' + ROOT + '/include', '-I' + ROOT + '/src/verify']
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(subprocess.run, cc + ['-c', s, '-o', '%s/%d.o' % (tmp, i)], check=True) for i, s in enumerate(sources)]
        for job in jobs:
            job.result()
    libs = [build + '/src/%s/libfloor_%s.a' % (d, d) for d in ('helper', 'prog', 'map', 'btf', 'insn', 'base')]
    # A build folder for coverage has libraries that want gcov's.
    subprocess.run(cc + ['-o', tmp + '/runner'] + ['%s/%d.o' % (tmp, i) for i in range(len(sources))] + ['-Wl,--start-group'] + libs +
                   ['-Wl,--end-group', '-lbpf', '-lelf', '-lz', '-lpthread', '--coverage'], check=True)
    subprocess.run(['clang', '-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-w', '-c', RULES + '/types.bpf.c', '-o', tmp + '/types.bpf.o'],
                   check=True)
    return sites


def read_cases(path):
    """What stands before the first case, and the cases by the line that they begin in."""
    head, cases, line = [], {}, None
    with open(path) as f:
        for n, text in enumerate(f, 1):
            if text.startswith('== '):
                line = n
                cases[line] = []
            (cases[line] if line else head).append(text)
    return ''.join(head), {n: ''.join(t) for n, t in cases.items()}


def run(tmp, rules, off, timeout):
    env = dict(os.environ, RULES_NO_KERNEL='1', RULE_OFF=str(off), GCOV_PREFIX=tmp)
    try:
        return subprocess.run([tmp + '/runner', tmp + '/types.bpf.o', rules], env=env, capture_output=True, text=True, errors='replace',
                              timeout=timeout)
    except subprocess.TimeoutExpired:
        return None


def comers(output):
    """Which cases (file, line) came to each refusal."""
    by_site, here = collections.defaultdict(set), set()
    for line in output.splitlines():
        if line.startswith('# comes to '):
            here.add(int(line.split()[-1]))
        elif re.match(r'(not )?ok ', line):
            m = re.match(r'(?:not )?ok \d+ - ([^:]+):(\d+): ', line)
            for n in here:
                by_site[n].add((m.group(1), int(m.group(2))))
            here = set()
    return by_site


def proved(tmp, n, cases, texts):
    """Does one of the cases fail without refusal n?"""
    here = '%s/off-%d' % (tmp, n)
    os.mkdir(here)
    with open(here + '/all.rules', 'w') as f:
        f.write(texts['all.rules'][0])
    for name in {c[0] for c in cases}:
        head, by_line = texts[name]
        with open('%s/%s' % (here, name), 'w') as f:
            f.write(head + ''.join(by_line[line] for file, line in sorted(cases) if file == name))
    done = run(tmp, here, n, 60)
    return done is None or done.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build', metavar='BUILD', help='a meson build directory: its libraries are linked')
    parser.add_argument('files', metavar='FILE', nargs='*', help='only the refusals of these of src/verify/*.c')
    parser.add_argument('-v', '--verbose', action='store_true', help='also which cases prove each refusal')
    parser.add_argument('-j', '--jobs', type=int, default=os.cpu_count(), help='runs at a time (default: as many as CPUs)')
    args = parser.parse_args()
    texts = {n: read_cases('%s/%s' % (RULES, n)) for n in os.listdir(RULES) if n.endswith('.rules')}
    with tempfile.TemporaryDirectory() as tmp:
        sites = build_runner(os.path.abspath(args.build), {os.path.basename(f) for f in args.files}, tmp)
        first = run(tmp, RULES, 0, 300)
        if first is None or first.returncode:
            sys.exit('the suite fails as it is\n' + (first.stdout[-2000:] + first.stderr[-2000:] if first else 'it takes too long'))
        came = comers(first.stdout)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            ok = dict(zip(came, pool.map(lambda n: proved(tmp, n, came[n], texts), list(came))))
    count, findings = collections.Counter(), 0
    for n, site in enumerate(sites, 1):
        if site.reason and site.reason[0] == 'not a rule' and not ok.get(n):
            what = 'not a rule: ' + site.reason[1]
        elif n in came and site.reason:
            what = 'has a reason why it is not reached, but %s:%d comes to it' % min(came[n])
        elif ok.get(n):
            what = 'proved'
        elif n in came:
            what = 'not proved: cases come to it (%s:%d), none fails without it' % min(came[n])
        elif site.reason:
            what = 'not reached: ' + site.reason[1]
        else:
            what = 'no case comes to it'
        count['proved' if what == 'proved' else 'reason' if what.startswith(('not reached', 'not a rule')) else 'finding'] += 1
        if what != 'proved' or args.verbose:
            print('%s:%d: %s\n\t%s%s' % (site.file, site.line, site.text, what,
                                        ' by ' + ', '.join('%s:%d' % c for c in sorted(came[n])[:5]) if what == 'proved' else ''))
    print('%d refusals: %d proved by a case, %d with a reason why not, %d left' %
          (len(sites), count['proved'], count['reason'], count['finding']))
    return 1 if count['finding'] else 0


if __name__ == '__main__':
    sys.exit(main())
