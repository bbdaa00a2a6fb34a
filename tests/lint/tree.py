#!/usr/bin/env python3
"""tree.py < LIST: checks the files named on standard input, as a tree.

Includes follow the arrows of docs/architecture.md, every source is built,
no marks of unfinished work, no white space at the end of a line.
"""
import re
import sys

MAY_INCLUDE = {
    'policy': {'policy'},
    'base': {'base'},
    'conf': {'conf', 'base'},
    'wire': {'wire', 'base'},
    'hsm': {'hsm', 'wire', 'conf', 'policy', 'base'},
    'ca': {'ca', 'wire', 'conf', 'policy', 'base'},
    'agentd': {'agentd', 'wire', 'conf', 'base'},
}
TOKEN_HEADER = re.compile(r'(libp11|p11-kit/|pkcs11)')
AGENT_HEADER = re.compile(r'(sqlite3|jansson|libsmartcols)')
CONF_HEADER = re.compile(r'libconfig')
# spelt in two parts, so that this file passes
UNFINISHED = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX|HA' r'CK)\b')
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
TEXT = re.compile(r'(\.([chsy]|mk|py|sh|md|conf|service|in|svg|supp|[0-9])'
                  r'|Makefile|/[^./]+)$')


def include_fault(path, kind, header):
    folder, target = path.split('/')[0], header.split('/')[0]
    if folder not in MAY_INCLUDE:
        return None
    if target in MAY_INCLUDE and target not in MAY_INCLUDE[folder]:
        return f'{folder}/ must not include {target}/'
    if kind == '"' and target not in MAY_INCLUDE:
        return 'write the folder: #include "FOLDER/X.h"'
    if TOKEN_HEADER.search(header) and folder != 'hsm':
        return 'only hsm/ may know of PKCS#11'
    if AGENT_HEADER.search(header) and folder != 'ca':
        return 'only ca/ may use SQLite, jansson and smartcols'
    if CONF_HEADER.search(header) and folder != 'conf':
        return 'only conf/ may know of libconfig'
    return None


def check_source(path, lines, built):
    for number, line in enumerate(lines, 1):
        m = INCLUDE.match(line)
        fault = m and include_fault(path, m.group(1), m.group(2))
        if fault:
            yield f'{path}:{number}: {fault}'
        if path.endswith('.h') and len(line.expandtabs(8)) > 100:
            yield f'{path}:{number}: over 100 columns'
    if path.endswith('.c') and path not in built:
        yield f'{path}:1: in no files.mk and not in the Makefile'
    if not lines or not lines[0].startswith('/*'):
        yield f'{path}:1: begin with a comment: what it is for, who calls it'


def check_text(path, text):
    lines = text.split('\n')
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f'{path}:{number}: white space at the end of the line'
        if UNFINISHED.search(line):
            yield f'{path}:{number}: unfinished work'
    if text and (not text.endswith('\n') or text.endswith('\n\n')):
        yield f'{path}:{len(lines)}: end the file with one newline'


def check_manual():
    """Every command of the table stands in kedge(1)."""
    table = open('ca/cli_table.c').read().partition('cli_command cli')[2]
    page = open('docs/man/kedge.1').read()
    for name in re.findall(r'^\t\{ "([a-z ]+)", "', table, flags=re.M):
        if not re.search(rf'Cm {name}\b', page):
            yield f'docs/man/kedge.1: the command "{name}" is missing'


def main():
    files = sys.stdin.read().split('\n')[:-1]
    lists = [f for f in files if f.endswith('.mk') or f == 'Makefile']
    built = set(re.findall(r'[\w./-]+\.c\b',
                           ' '.join(open(f).read() for f in lists)))
    faults = []
    for path in files:
        if not TEXT.search(path) or path.startswith('tests/data/'):
            continue
        text = open(path, encoding='utf-8', errors='replace').read()
        faults += check_text(path, text)
        if path.endswith(('.c', '.h')):
            faults += check_source(path, text.split('\n'), built)
    faults += check_manual()
    print('\n'.join(faults), end='\n' if faults else '')
    return 1 if faults else 0


sys.exit(main())
