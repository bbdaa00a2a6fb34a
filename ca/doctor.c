/*
 * ca/doctor: the command `doctor`, and what it finds about roots: their ends,
 * schedules, certificates under them, and whether the next roll could start.
 */
#include "ca/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ca/control.h"

#define DAY_MS	       INT64_C(86400000)
#define SOON_S	       INT64_C(2592000)
#define PROBLEMS_SHOWN 8

void
ca_found(json_t *list, const struct ca_finding *f, const char *fmt, ...)
{
	static const char *const levels[] = { "note", "warning", "fault" };
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	json_array_append_new(list,
	    json_pack("{ss, ss, ss, ss, ss, ss}", "level", levels[f->level],
		"check", f->check, "subject", f->subject, "what", what, "why",
		f->why, "do", f->help));
}

/* ---- roots ------------------------------------------------------------------- */

static void
root_end(struct ca *ca, const struct ca_root *root, json_t *list)
{
	static const enum ca_level levels[CA_END_LEVELS] = { CA_NOTE, CA_NOTE,
		CA_WARNING, CA_FAULT, CA_FAULT };
	char subject[CA_NAME + 8], when[BASE_RFC3339_LEN], help[256];
	struct ca_finding f = { .check = "root-end",
		.subject = subject,
		.why = "a roll takes as long as its slowest node, and past the "
		       "end of the old root nobody can be led to the new one",
		.help = help };
	struct base_time end;
	unsigned level;

	if (ca_root_end(ca, root->name, root->current, &end) != BASE_OK ||
	    (level = ca_root_end_level(ca_now(ca), end)) == 0)
		return;
	f.level = levels[level];
	snprintf(subject, sizeof(subject), "root %s", root->name);
	snprintf(help, sizeof(help),
	    ca_roll_of(ca, root->name) != NULL
		? "its roll runs; kedge roll status %s says on whom it waits"
		: "kedge roll start %s, or give it a schedule: kedge root set",
	    root->name);
	base_time_format(end, when);
	ca_found(list, &f, "generation %u ends at %s, %lld days from now",
	    root->current, when,
	    (long long)((end.ms - ca_now(ca).ms) / DAY_MS));
}

static void
root_schedule(struct ca *ca, const struct ca_root *root, json_t *list)
{
	const char *why = ca_schedule_blocked(ca, root->name);
	char subject[CA_NAME + 8];
	struct ca_finding f = {
		CA_WARNING, "schedule", subject,
		"the roll that should have started by itself has not",
		"mend that; it is tried again every hour, or kedge roll start"
	};

	snprintf(subject, sizeof(subject), "root %s", root->name);
	if (why != NULL)
		ca_found(list, &f, "its roll is due and cannot start: %s", why);
}

static void
root_ready(struct ca *ca, const struct ca_root *root, json_t *list)
{
	char subject[CA_NAME + 8];
	struct ca_finding f = { CA_WARNING, "ready", subject,
		"its next roll could not start today",
		"as it says; kedge roll start --dry-run lists all" };
	json_t *problems = json_array(), *o;
	enum base_err r;
	size_t i;

	snprintf(subject, sizeof(subject), "root %s", root->name);
	if (ca_roll_of(ca, root->name) != NULL)
		goto out;
	r = ca_roll_check(ca, root->name, problems);
	/* one that nothing may roll is no trouble of the day */
	if (r != BASE_OK && r != BASE_E_REFUSED)
		ca_found(list, &f, "%s", base_why());
	json_array_foreach(problems, i, o) if (i < PROBLEMS_SHOWN)
	    ca_found(list, &f, "%s", json_string_value(o));
	if (i > PROBLEMS_SHOWN)
		ca_found(list, &f, "and %zu more", i - PROBLEMS_SHOWN);
out:
	json_decref(problems);
}

/* Nothing that a node does ends this. */
static void
root_unsigned(struct ca *ca, const struct ca_root *root, json_t *list)
{
	const struct ca_roll *w = ca_roll_of(ca, root->name);
	char subject[CA_NAME + 8], help[192];
	const struct ca_finding f = { CA_WARNING, "roll", subject,
		"kedge-hsmd does not sign, and until it does that part of the "
		"roll stands; what works goes on working",
		help };

	if (w == NULL || w->why[0] == '\0')
		return;
	snprintf(subject, sizeof(subject), "root %s", root->name);
	snprintf(help, sizeof(help),
	    "journalctl -u kedge-hsmd and kedge roll status %s; when it stays, "
	    "\"What justifies an order\" in hsm.md",
	    root->name);
	ca_found(list, &f, "%s", w->why);
}

static void
root_say_again(struct ca *ca, const struct ca_root *root, json_t *list)
{
	const struct ca_roll *w = ca_roll_of(ca, root->name);
	char subject[CA_NAME + 8], help[256];
	const struct ca_finding f = { CA_WARNING, "deadline", subject,
		"without a deadline a node that does not answer is waited for "
		"without end, and its peers believe the stolen key meanwhile",
		help };

	if (w == NULL || !w->row.say_again)
		return;
	snprintf(subject, sizeof(subject), "root %s", root->name);
	snprintf(help, sizeof(help),
	    "kedge roll start --compromised --deadline TIME --cut NODE,... "
	    "--kicks N %s; without these words it is to have none",
	    root->name);
	ca_found(list, &f,
	    "roll %llu: a recovery has voided its deadline and who may be "
	    "cut, and its number of kicks may be an old one",
	    (unsigned long long)w->row.id);
}

void
ca_doctor_roots(struct ca *ca, json_t *list)
{
	for (size_t i = 0; i < ca->topo->nroots; i++) {
		const struct ca_root *root = &ca->topo->roots[i];

		root_end(ca, root, list);
		root_schedule(ca, root, list);
		root_ready(ca, root, list);
		root_unsigned(ca, root, list);
		root_say_again(ca, root, list);
	}
}

/* ---- recovery -------------------------------------------------------------------- */

static void
recovery(struct ca *ca, json_t *list)
{
	char what[CA_RECOVERY_TEXT], since[BASE_RFC3339_LEN];
	static const struct ca_finding f = { CA_WARNING, "recovery", "",
		"the store is an old copy: no order touches a node of which "
		"nobody knows what it holds; what works goes on working",
		"nothing: it is over when each has answered (kedge recover "
		"status); for a node that "
		"does not, kedge recover excuse, or kedge node remove" };

	if (ca->recovery.stage == CA_RECOVERY_NONE)
		return;
	base_time_format(ca->recovery.since, since);
	ca_recover_text(ca, what, sizeof(what));
	ca_found(list, &f, "since %s, %s (%s)", since, what, ca->recovery.why);
}

/* The store says that it left, kedge-hsmd that it is there. */
static void
removed(struct ca *ca, json_t *list)
{
	char name[CA_NAME] = "", subject[CA_NAME + 8];
	const struct ca_finding f = { CA_WARNING, "recovery", subject,
		"kedge-hsmd would certify its key still; nobody else counts on "
		"it",
		"kedge node remove says again that it left; if it was put back "
		"since the copy: kedge node add, and let it join anew" };

	while (ca_store_gone_held(ca->store, name, name) == BASE_OK &&
	    name[0] != '\0') {
		snprintf(subject, sizeof(subject), "node %s", name);
		ca_found(list, &f,
		    "was removed before the recovery, and kedge-hsmd knows it "
		    "still");
	}
}

/* ---- certificates ---------------------------------------------------------------- */

static enum base_err
cert_unsafe(void *arg, const struct ca_unsafe *u)
{
	char subject[CA_NAME + 8], end[BASE_RFC3339_LEN];
	const struct ca_finding f = { u->expired ? CA_FAULT : CA_WARNING,
		"certificate", subject,
		"past its end whoever verifies the node refuses it",
		"mend what the reason says; a node that is back renews by "
		"itself, else kedge node token, and let it join again" };

	snprintf(subject, sizeof(subject), "node %s", u->leaf.node);
	base_time_format(u->leaf.not_after, end);
	ca_found(arg, &f,
	    "its certificate under root %s %s at %s, and is not renewed: %s; "
	    "%zu directions go with it",
	    u->leaf.root, u->expired ? "ended" : "ends", end, u->why, u->peers);
	return BASE_OK;
}

static void
cert_own(struct ca *ca, const X509 *x, const char *what, json_t *list)
{
	struct wire_tbs t = { 0 };
	char end[BASE_RFC3339_LEN];
	struct ca_finding f = { CA_WARNING, "certificate", "",
		"past its end no node talks to the CA any more",
		"kedged renews it by itself; its log says why it does not" };

	if (x != NULL && wire_cert_parse(x, &t) == BASE_OK &&
	    t.not_after.ms <= base_time_add_s(ca_now(ca), SOON_S).ms) {
		if (t.not_after.ms <= ca_now(ca).ms)
			f.level = CA_FAULT;
		base_time_format(t.not_after, end);
		ca_found(list, &f, "its own %s ends at %s", what, end);
	}
	wire_tbs_free(&t);
}

/* After a recovery it may have one of the two only. */
static void
cert_missing(struct ca *ca, json_t *list)
{
	static const struct ca_finding f = { CA_WARNING, "certificate", "",
		"a node that trusts that generation only takes no order, and "
		"the roll waits for it",
		"nothing: kedge-hsmd is asked again each minute; the log says "
		"why it makes none" };
	const uint32_t gen = ca_identity_missing(ca);

	if (gen != 0)
		ca_found(list, &f,
		    "it has no certificate to sign orders under generation %u "
		    "of the management root",
		    gen);
}

void
ca_doctor_certs(struct ca *ca, json_t *list)
{
	static const struct ca_finding f = { CA_FAULT, "store", "",
		"nobody can say which certificates end",
		"see the log, and the disk" };

	if (ca_certs_unsafe(ca, cert_unsafe, list) != BASE_OK)
		ca_found(list, &f, "%s", base_why());
	cert_missing(ca, list);
	cert_own(ca, ca->tls_cert, "TLS certificate", list);
	for (int i = 0; i < sk_X509_num(ca->order_certs); i++)
		cert_own(ca, sk_X509_value(ca->order_certs, i),
		    "certificate for orders", list);
}

/* ---- the command -------------------------------------------------------------------- */

static void
look(void *arg, enum base_err e)
{
	static const struct ca_finding none = { CA_FAULT, "init", "",
		"nothing can be issued, no node can join", "kedge init" };
	struct ca *ca = ca_session_ca(arg);
	json_t *list = json_array(), *o;
	bool healthy = true;
	size_t i;

	(void)e;
	if (!ca->ready)
		ca_found(list, &none, "the CA has no management root yet");
	recovery(ca, list);
	removed(ca, list);
	ca_doctor_host(ca, list);
	ca_doctor_roots(ca, list);
	ca_doctor_certs(ca, list);
	ca_doctor_nodes(ca, list);
	json_array_foreach(list, i, o) healthy = healthy &&
	    strcmp(json_string_value(json_object_get(o, "level")), "note") == 0;
	ca_session_answer(arg, BASE_OK,
	    json_pack("{sb, so, so}", "healthy", (int)healthy, "time",
		ca_json_time(ca_now(ca)), "findings", list));
}

enum base_err
ca_control_doctor(struct ca_session *s, json_t *q, json_t **answer)
{
	const char *cmd;
	enum base_err r;

	(void)answer;
	if ((r = ca_unpack(q, "{s:s}", "cmd", &cmd)) != BASE_OK)
		return r;
	ca_session_hold(s);
	ca_health_ask(ca_session_ca(s), look, s);
	return BASE_OK;
}
