#!/usr/bin/env python3
"""mirror.py < LIST: each FOLDER/NAME.c has tests/unit/FOLDER/test_NAME.c.

LIST names the files of the tree on standard input. What may stand without a
test of its own is in mirror.allow, with its reason; a line there that is not
needed (any more) is a finding, too. A test_NAME.c without a source of that
name is a walk through several of them, and free.
"""
import os
import re
import sys

FOLDERS = ('base', 'conf', 'policy', 'wire', 'hsm', 'ca', 'agentd')
SOURCE = re.compile(r'^(%s)/(\w+)\.c$' % '|'.join(FOLDERS))


def allowed():
    path = os.path.join(os.path.dirname(__file__), 'mirror.allow')
    rows = {}
    with open(path, encoding='utf-8') as f:
        for number, line in enumerate(f, 1):
            if line.startswith('#') or not line.strip():
                continue
            name, _, reason = line.strip().partition(' ')
            if not reason.strip():
                print(f'{path}:{number}: {name}: say the reason')
                sys.exit(1)
            rows[name] = number
    return path, rows


def main():
    files = set(sys.stdin.read().split('\n')[:-1])
    path, rows = allowed()
    faults = []
    for name in sorted(files):
        m = SOURCE.match(name)
        test = m and f'tests/unit/{m.group(1)}/test_{m.group(2)}.c'
        if m and test not in files and name not in rows:
            faults.append(f'{name}:1: no test: write {test}')
        if m and test in files and name in rows:
            faults.append(f'{path}:{rows[name]}: {name} has {test}')
    faults += [f'{path}:{number}: {name}: no such source'
               for name, number in rows.items() if name not in files]
    print('\n'.join(faults), end='\n' if faults else '')
    return 1 if faults else 0


sys.exit(main())
