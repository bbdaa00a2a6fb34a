/*
 * ca/remote: CLI commands that are one question to kedged. A list says which
 * option or operand becomes which field of the request (docs/control.md); a
 * printer shows the answer. Used by ca/cmd_*.c.
 */
#pragma once

#include <jansson.h>

#include "ca/cli.h"

enum ca_field_kind {
	CA_STRING,
	CA_LIST, /* "a,b", or the option several times */
	CA_NUMBER, /* an option, as is CA_LIST */
	CA_SWITCH,
	CA_YES_NO, /* true, false */
	CA_TEXT, /* a topology file: its text, and its name in "file" */
	CA_BINARY, /* a file: its bytes as base64 */
};

struct ca_field {
	const char *option; /* NULL: operand number at */
	int at;
	enum ca_field_kind kind;
	const char *field;
};
#define CA_FIELD_END                     \
	{                                \
		NULL, 0, CA_SWITCH, NULL \
	}

typedef enum base_err ca_print_fn(struct cli *c, const json_t *answer);
/* What the command does with the answer whether it is shown as text or as
 * JSON: writes a file, sets the exit code. May take a secret out of it. */
typedef enum base_err ca_act_fn(struct cli *c, json_t *answer);

/* New request from the command line; *out is owned by the caller. */
enum base_err ca_request_new(struct cli *c, const char *cmd,
    const struct ca_field *fields, json_t **out) BASE_MUST;
/* Asks kedged (request is stolen), acts on the answer (NULL: nothing to do) and
 * shows it: as JSON with --json, else by print (NULL: nothing). Details that
 * come with a refusal are shown with --json too. */
enum base_err ca_request_ask(struct cli *c, json_t *request, ca_act_fn *act,
    ca_print_fn *print) BASE_MUST;
/* Both in one. */
enum base_err ca_remote(struct cli *c, const char *cmd,
    const struct ca_field *fields, ca_print_fn *print) BASE_MUST;
enum base_err ca_remote_act(struct cli *c, const char *cmd,
    const struct ca_field *fields, ca_act_fn *act,
    ca_print_fn *print) BASE_MUST;

/* A line for each certificate in the list "unsafe" of an answer. */
void ca_unsafe_print(FILE *f, const json_t *answer, const char *indent);

/* Who is excused, in the list "excused" of an answer, and what that costs: a
 * line for each node and one for each direction that suffers. */
void ca_excused_print(FILE *f, const json_t *answer, const char *indent);

/* Whose sessions go on after a roll with a stolen key: a line, or nothing. */
void ca_unkicked_print(FILE *f, const json_t *roll, const char *indent);

/* Member as text, "-" when it is none; as number, 0 when it is none. */
const char *ca_text_of(const json_t *o, const char *key);
json_int_t ca_number_of(const json_t *o, const char *key);
