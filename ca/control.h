/*
 * ca/control: what the control_*.c files share: one session per connection,
 * one request at a time in it. Nobody else includes it.
 */
#pragma once

#include "ca/kedged.h"

struct ca_session;

/* The request was checked to be an object with "cmd". A handler unpacks its
 * fields by ca_unpack, and either sets *answer (new reference; "ok" is added)
 * or keeps the session by ca_session_hold and answers later. */
typedef enum base_err
ca_handler(struct ca_session *s, json_t *q, json_t **answer);

struct ca_command {
	const char *name;
	ca_handler *run;
};
extern const struct ca_command ca_commands_fleet[]; /* ended by NULL */
extern const struct ca_command ca_commands_roll[];
extern const struct ca_command ca_commands_parcel[];
ca_handler ca_control_topology_apply;
ca_handler ca_control_simulate; /* ca/control_look.c */
/* ca/control_unsafe.c */
ca_handler ca_control_unsafe;
/* The list "unsafe" into o: of this node, of this root; NULL: of all. */
enum base_err ca_json_unsafe(struct ca *ca, const char *node, const char *root,
    json_t *o) BASE_MUST;
/* ca/control_pace.c */
ca_handler ca_control_roll_step;
struct ca_pace_words {
	json_t *first, *windows; /* lists; NULL: none */
	const char *presume; /* NULL: nothing */
	int max_in_flight, step, compromised;
	const char *deadline; /* NULL: none */
	json_t *cut; /* list; NULL: none */
	int kicks; /* 0: not said */
};
enum base_err ca_control_pace(struct ca *ca, const struct ca_pace_words *words,
    struct ca_roll_row *row) BASE_MUST;
void ca_json_pace(struct ca *ca, const struct ca_roll_row *row, json_t *o);
/* ca/control_node.c */
ca_handler ca_control_node_list;
ca_handler ca_control_node_show;
ca_handler ca_control_node_add;
ca_handler ca_control_node_set;
ca_handler ca_control_node_remove;
ca_handler ca_control_node_rekey;

/* ca/control_steer.c */
ca_handler ca_control_roll_abort;
ca_handler ca_control_roll_hold;
ca_handler ca_control_roll_release;
ca_handler ca_control_roll_excuse;
ca_handler ca_control_roll_cuts; /* ca/control_cuts.c */
ca_handler ca_control_roll_return;
/* ca/control_recover.c */
ca_handler ca_control_recover_status;
ca_handler ca_control_recover_start;
ca_handler ca_control_recover_excuse;
ca_handler ca_control_doctor; /* ca/doctor.c */
ca_handler ca_control_roll_report; /* ca/roll_report.c */
/* ca/control_trigger.c */
ca_handler ca_control_root_set;
/* All roots that can roll, by what else is wanted. */
void ca_control_roll_start_all(struct ca_session *s,
    const struct ca_roll_row *want, bool dry);
enum base_err ca_control_strategy(const char *word,
    enum pol_strategy *out) BASE_MUST;
json_t *ca_json_excused(const struct ca *ca, const struct ca_roll *w);
/* The same of a root, whether it rolls or not, as "excused" into o. */
enum base_err ca_json_excuses(struct ca *ca, const char *root,
    json_t *o) BASE_MUST;

struct ca *ca_session_ca(const struct ca_session *s);
/* "uid 1000", for the audit. */
const char *ca_session_who(const struct ca_session *s);
void ca_session_hold(struct ca_session *s);
/* answer (stolen) may be NULL; it is sent along with an error, too. */
void ca_session_answer(struct ca_session *s, enum base_err e, json_t *answer);
void ca_session_subscribe(struct ca_session *s);

/* json_unpack in strict mode: USAGE names what is wrong. "cmd" is allowed. */
enum base_err ca_unpack(json_t *q, const char *fmt, ...) BASE_MUST;

/* Changes of the fleet: runs change within a transaction, checks that the
 * topology that comes out is sound and leaves running rolls alone, commits,
 * and reloads. */
typedef enum base_err ca_change_fn(struct ca *ca, void *arg);
enum base_err
ca_fleet_change(struct ca *ca, ca_change_fn *change, void *arg) BASE_MUST;

/* The same looked at, and nothing done. */
enum base_err
ca_fleet_try(struct ca *ca, ca_change_fn *change, void *arg) BASE_MUST;

/* What a change does to one row, with its audit record (ca/change.c). by is a
 * word on who or why, or ""; with a reason a link goes though its root rolls.
 * A node's joined and seen stay as they were. */
enum base_err
ca_change_node(struct ca *ca, struct ca_node *n, const char *by) BASE_MUST;
enum base_err ca_change_node_drop(struct ca *ca, const char *name,
    const char *by) BASE_MUST;
enum base_err ca_change_link(struct ca *ca, const struct ca_link *l,
    const char *by) BASE_MUST;
enum base_err ca_change_link_drop(struct ca *ca, const struct ca_link *l,
    const char *reason, const char *by) BASE_MUST;
enum base_err ca_change_root_drop(struct ca *ca, const struct ca_root *root,
    const char *by) BASE_MUST;
/* "mutual, root plant" */
#define CA_LINK_TEXT (2 * CA_NAME + 32)
void ca_link_text(const struct ca_link *l, char out[CA_LINK_TEXT]);
/* Adds a sentence for each key that an end of l joined without. */
enum base_err ca_link_keyless(struct ca *ca, const struct ca_link *l,
    json_t *notes) BASE_MUST;

/* What differs, in the words of the topology file (ca/differ.c): a new list of
 * {field, old, new}, empty when nothing does; and the same as text, "a: x -> y;
 * …", the caller's. */
json_t *ca_differ_node(const struct ca_node *old, const struct ca_node *new);
json_t *ca_differ_link(const struct ca_link *old, const struct ca_link *new);
char *ca_differ_text(const json_t *fields);

/* The row of a root, when it is not there; ca_make_generation makes the
 * rest. */
enum base_err ca_fleet_root_put(struct ca *ca, const char *name,
    enum wire_alg alg, uint32_t days) BASE_MUST;

/* STATE before kedge init, and the sentence says so (ca/control_fleet.c). */
enum base_err ca_control_ready(const struct ca *ca) BASE_MUST;

/* New references (ca/control_json.c). */
enum base_err ca_json_root(struct ca *ca, const struct ca_root *r, bool pems,
    json_t **out) BASE_MUST;
enum base_err
ca_json_node(struct ca *ca, const struct ca_node *n, json_t **out) BASE_MUST;
json_t *ca_json_link(const struct ca_link *l);
json_t *ca_json_order(struct ca *ca, const struct ca_order *o);
json_t *ca_json_why(struct ca *ca, const struct pol_why *y);
enum base_err ca_json_roll(struct ca *ca, const struct ca_roll_row *row,
    json_t **out) BASE_MUST;
/* Adds to o, which is the roll as above (ca/roll_nodes.c). */
enum base_err ca_json_roll_nodes(struct ca *ca, const struct ca_roll_row *row,
    json_t *o) BASE_MUST;
json_t *ca_json_words(const char *words);
