/*
 * wire/oid: kedge's own object identifiers, under the UUID-based arc
 * 2.25.140896560294843513753120326847157748022 (ITU-T X.667). docs/protocol.md
 * lists them. Used by certificates (tbs.c, verify.c) and by CMS content types.
 *
 * Own identifiers stand only in certificates of the management root, which
 * kedge alone reads: Go and GnuTLS cannot decode arcs of 128 bits and refuse
 * the whole certificate.
 */
#pragma once

#define WIRE_OID_ARC "2.25.140896560294843513753120326847157748022"

/* .1: extended key usages */
#define WIRE_OID_KP_NODE  WIRE_OID_ARC ".1.1" /* signs reports, hellos, stocks */
#define WIRE_OID_KP_ORDER WIRE_OID_ARC ".1.2" /* signs orders */
#define WIRE_OID_KP_CA	  WIRE_OID_ARC ".1.3" /* signs acks, join answers, invitations */
/* .2: CMS content types, see enum wire_content: ".2." and its number */
#define WIRE_OID_CONTENT WIRE_OID_ARC ".2"

/* Content bytes of the arc's DER, for constants in tables. */
#define WIRE_OID_ARC_LEN 20
#define WIRE_OID_ARC_DER                                                  \
	0x69, 0x81, 0xd3, 0xff, 0xd8, 0xb0, 0xb1, 0xc2, 0xba, 0x85, 0xb5, \
	    0x8a, 0x8e, 0x91, 0xa6, 0xb5, 0xe4, 0xaf, 0x82, 0x36

/* RFC 8649 section 5: HashOfRootKey, in roots. */
#define WIRE_OID_ROOT_HASH "1.3.6.1.4.1.51483.2.1"
