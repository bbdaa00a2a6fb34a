#!/usr/bin/env python3
"""asn1.py: the ASN.1 module of docs/protocol.md says what wire/*.c does.

Reads SEQUENCEs from both, the OpenSSL templates and the module, and compares
names, order, types, tags, OPTIONAL and DEFAULT.
"""
import glob
import re
import sys

DOC = 'docs/protocol.md'
SAME = {'Name': 'UTF8String', 'Digest': 'OCTET STRING',
        'Version': 'INTEGER', 'Epoch': 'INTEGER'}
C_TYPES = {'UINT32': 'INTEGER', 'ZUINT32': 'INTEGER', 'UINT64': 'INTEGER',
           'ASN1_UTF8STRING': 'UTF8String',
           'ASN1_OCTET_STRING': 'OCTET STRING',
           'ASN1_GENERALIZEDTIME': 'GeneralizedTime',
           'ASN1_FBOOLEAN': 'BOOLEAN', 'ASN1_SEQUENCE': 'Certificate'}
FIELD = re.compile(r'(\w+)\s+(?:\[(\d)\]\s+)?(.*)$')
TEMPLATE = re.compile(r'ASN1_SEQUENCE\((\w+)_der\) = \{(.*?)\n\}', re.S)
ENTRY = re.compile(r'ASN1_(EMBED|SIMPLE|EXP_OPT|EXP_OPT_EMBED|SEQUENCE_OF|'
                   r'EXP_SEQUENCE_OF_OPT)\(([^)]*)\)')


def camel(word):
    head, *rest = word.split('_')
    return head + ''.join(w.capitalize() for w in rest)


def type_name(c):
    if c in C_TYPES:
        return C_TYPES[c]
    name = camel(c.removesuffix('_der'))
    return name[0].upper() + name[1:]


def from_code():
    found = {}
    for path in sorted(glob.glob('wire/*.c')):
        for name, body in TEMPLATE.findall(open(path).read()):
            fields = []
            for kind, args in ENTRY.findall(body):
                args = [a.strip() for a in args.split(',')]
                tag = args[3] if len(args) > 3 else None
                kind_of = type_name(args[2])
                if 'SEQUENCE_OF' in kind:
                    kind_of = 'SEQUENCE OF ' + kind_of
                if kind_of == 'BOOLEAN':
                    kind_of += ' DEFAULT FALSE'
                elif 'OPT' in kind:
                    kind_of += ' OPTIONAL'
                fields.append((camel(args[1]), tag, kind_of))
            found[type_name(name + '_der')] = fields
    return found


def clean_type(text):
    text = re.sub(r'\(SIZE \([^)]*\)\)|SIZE \([^)]*\)|\([\d.]*\)', '', text)
    text = re.sub(r'\s+', ' ', text).strip()
    for alias, base in SAME.items():
        text = re.sub(rf'\b{alias}\b', base, text)
    return text


def from_doc():
    text = open(DOC).read()
    module = text[text.index('```asn1'):]
    module = module[:module.index('\nEND')]
    module = re.sub(r'--[^\n]*', '', module)
    found = {}
    for name, body in re.findall(r'(\w+) ::= SEQUENCE \{(.*?)\}', module,
                                 re.S):
        fields = []
        for part in body.split(','):
            m = FIELD.match(part.strip().replace('\n', ' '))
            fields.append((m.group(1), m.group(2), clean_type(m.group(3))))
        found[name] = fields
    return found


def main():
    code, doc, bad = from_code(), from_doc(), 0
    for name in sorted(set(code) | set(doc)):
        if code.get(name) != doc.get(name):
            print(f'{DOC}: {name}: the module says {doc.get(name)}, '
                  f'wire/ does {code.get(name)}')
            bad = 1
    if not code:
        print('tests/lint/asn1.py: no templates found in wire/')
        bad = 1
    return bad


sys.exit(main())
