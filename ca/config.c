/*
 * ca/config: kedged.conf. One table names every setting with its bounds and
 * default. Called by kedged_main.c.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "ca/kedged.h"
#include "conf/conf.h"

/* As it stands in the file, with what is kept in another form. */
struct form {
	struct ca_conf conf;
	char *fleet;
	char **names;
};

static enum base_err
check_san(const char *text)
{
	return wire_san_check(text) == BASE_OK
	    ? BASE_OK
	    : base_fail(BASE_E_CONFIG, "%s", base_why());
}

/* A path may become the address of a unix socket. */
#define PATH(k, f, d)                                                \
	{                                                            \
		.name = k, .kind = CONF_PATH, CONF_AT(form, conf.f), \
		.text = d, .max = 100                                \
	}
#define SECONDS(k, f, d, a, b)                                          \
	{                                                               \
		.name = k, .kind = CONF_SECONDS, CONF_AT(form, conf.f), \
		.value = d, .min = a, .max = b                          \
	}
#define NUMBER(k, f, d, a, b)                                          \
	{                                                              \
		.name = k, .kind = CONF_NUMBER, CONF_AT(form, conf.f), \
		.value = d, .min = a, .max = b                         \
	}
#define ADDRESS(k, f, d)                                                \
	{                                                               \
		.name = k, .kind = CONF_ADDRESS, CONF_AT(form, conf.f), \
		.text = d, .max = CA_ADDRESS_MAX - 1                    \
	}

static const struct conf_key keys[] = {
	{ .name = "fleet",
	    .kind = CONF_NAME,
	    CONF_AT(form, fleet),
	    .needed = true },
	PATH("state_dir", state_dir, "/var/lib/kedge/ca"),
	PATH("control", control, "/run/kedge/control.sock"),
	{ .name = "control_uids",
	    .kind = CONF_UIDS,
	    CONF_AT(form, conf.uids),
	    .count = offsetof(struct form, conf.nuids),
	    .max = 16 },
	PATH("hsm", hsm, "/run/kedge-hsmd/hsm.sock"),
	ADDRESS("listen", listen, "0.0.0.0:7443"),
	ADDRESS("address", address, NULL),
	{ .name = "names",
	    .kind = CONF_TEXTS,
	    CONF_AT(form, names),
	    .max = WIRE_SAN_MAX,
	    .check_text = check_san },
	SECONDS("resend", resend_ms, 2, 0.01, 3600),
	SECONDS("resend_max", resend_max_ms, 60, 0.01, 86400),
	SECONDS("poll_wait", poll_wait_ms, 25, 0.01, 300),
	SECONDS("retry", retry_ms, 5, 0.01, 3600),
	SECONDS("connect", connect_ms, 5, 0.01, 60),
	SECONDS("hsm_deadline", hsm_ms, 30, 0.1, 600),
	SECONDS("hsm_grace", hsm_grace_ms, 10, 0.1, 600),
	NUMBER("order_life", order_s, 604800, 10, 31536000),
	NUMBER("canary_life", canary_s, 600, 5, 600),
	NUMBER("backdate", backdate_s, 60, 0, 86400),
	NUMBER("root_days", root_days, 3650, 1, 36500),
	NUMBER("node_days", node_days, 825, 1, 36500),
	NUMBER("failure_limit", failure_limit, 5, 0, 1000),
	SECONDS("silent", silent_ms, 900, 1, 604800),
	{ .name = "metrics",
	    .kind = CONF_TEXT,
	    CONF_AT(form, conf.metrics),
	    .max = 64,
	    .check_text = wire_pages_check },
	SECONDS("fresh", fresh_ms, 60, 0, 86400),
	{ 0 },
};

static enum base_err
finish(void *p)
{
	struct form *f = p;
	struct ca_conf *c = &f->conf;
	size_t at = 0;

	if (c->resend_max_ms < c->resend_ms)
		return base_fail(BASE_E_CONFIG,
		    "resend_max is smaller than resend");
	if (c->backdate_s >= c->order_s)
		return base_fail(BASE_E_CONFIG,
		    "backdate is not smaller than order_life");
	snprintf(c->fleet, sizeof(c->fleet), "%s", f->fleet);
	for (char **n = f->names; n != NULL && *n != NULL; n++) {
		if (at + strlen(*n) + 2 > sizeof(c->names))
			return base_fail(BASE_E_CONFIG,
			    "names: longer than %zu bytes together",
			    sizeof(c->names) - 2);
		at += (size_t)sprintf(c->names + at, "%s%s",
		    n == f->names ? "" : " ", *n);
	}
	return BASE_OK;
}

enum base_err
ca_conf_read(const char *path, struct ca_conf *out)
{
	struct form f = { 0 };
	enum base_err r;

	memset(out, 0, sizeof(*out));
	if ((r = conf_read(path, keys, finish, &f)) != BASE_OK)
		return r;
	*out = f.conf;
	memset(&f.conf, 0, sizeof(f.conf));
	conf_free(keys, &f);
	return BASE_OK;
}

void
ca_conf_free(struct ca_conf *c)
{
	struct form f = { .conf = *c };

	conf_free(keys, &f);
	memset(c, 0, sizeof(*c));
}
