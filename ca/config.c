/*
 * ca/config: kedged.conf. One table names every setting with its type,
 * bounds and default; what it does not name is refused, with file and line.
 */
#include <libconfig.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ca/kedged.h"

enum kind {
	NAME,
	PATH,
	ADDRESS,
	SECONDS_MS,
	NUMBER,
	UIDS,
	NAMES
};

struct setting {
	const char *key;
	enum kind kind;
	size_t offset;
	const char *text; /* default; NULL: none */
	double number, min, max; /* default and bounds, in its unit */
};

#define AT(field) offsetof(struct ca_conf, field)

static const struct setting settings[] = {
	{ "fleet", NAME, AT(fleet), NULL, 0, 0, 0 },
	{ "state_dir", PATH, AT(state_dir), "/var/lib/kedge/ca", 0, 0, 0 },
	{ "control", PATH, AT(control), "/run/kedge/control.sock", 0, 0, 0 },
	{ "control_uids", UIDS, AT(uids), NULL, 0, 0, 0 },
	{ "hsm", PATH, AT(hsm), "/run/kedge-hsmd/hsm.sock", 0, 0, 0 },
	{ "listen", ADDRESS, AT(listen), "0.0.0.0:7443", 0, 0, 0 },
	{ "address", ADDRESS, AT(address), NULL, 0, 0, 0 },
	{ "names", NAMES, AT(names), NULL, 0, 0, 0 },
	{ "resend", SECONDS_MS, AT(resend_ms), NULL, 2, 0.01, 3600 },
	{ "resend_max", SECONDS_MS, AT(resend_max_ms), NULL, 60, 0.01, 86400 },
	{ "poll_wait", SECONDS_MS, AT(poll_wait_ms), NULL, 25, 0.01, 300 },
	{ "retry", SECONDS_MS, AT(retry_ms), NULL, 5, 0.01, 3600 },
	{ "connect", SECONDS_MS, AT(connect_ms), NULL, 5, 0.01, 60 },
	{ "hsm_deadline", SECONDS_MS, AT(hsm_ms), NULL, 30, 0.1, 600 },
	{ "order_life", NUMBER, AT(order_s), NULL, 604800, 10, 31536000 },
	{ "canary_life", NUMBER, AT(canary_s), NULL, 600, 10, 600 },
	{ "backdate", NUMBER, AT(backdate_s), NULL, 60, 0, 3600 },
	{ "root_days", NUMBER, AT(root_days), NULL, 3650, 1, 36500 },
	{ "node_days", NUMBER, AT(node_days), NULL, 825, 1, 36500 },
	{ "failure_limit", NUMBER, AT(failure_limit), NULL, 5, 0, 1000 },
};
#define NSETTINGS (sizeof(settings) / sizeof(*settings))

static void *
field(struct ca_conf *c, const struct setting *s)
{
	return (char *)c + s->offset;
}

static enum base_err
refuse(const config_setting_t *e, const char *why)
{
	const char *file = config_setting_source_file(e);
	const char *name = config_setting_name(e);

	return base_fail(BASE_E_CONFIG, "%s:%u: %s: %s",
	    file == NULL ? "kedged.conf" : file, config_setting_source_line(e),
	    name == NULL ? "value" : name, why);
}

/* ---- one value -------------------------------------------------------------- */

static enum base_err
put_text(struct ca_conf *c, const struct setting *s, const char *text)
{
	if (s->kind == NAME)
		snprintf(field(c, s), CA_NAME, "%s", text);
	else
		*(char **)field(c, s) = base_strdup(text);
	return BASE_OK;
}

static enum base_err
read_text(struct ca_conf *c, const struct setting *s, config_setting_t *e)
{
	const char *text = config_setting_get_string(e);

	if (text == NULL)
		return refuse(e, "is a string, in double quotes");
	if (s->kind == NAME && !base_name_is_valid(text))
		return refuse(e, "is a name of 1 to 63 of a-z 0-9 . -");
	if (s->kind == PATH && (text[0] != '/' || strlen(text) > 100))
		return refuse(e, "is an absolute path of at most 100 bytes");
	if (s->kind == ADDRESS &&
	    (strrchr(text, ':') == NULL || strlen(text) >= CA_ADDRESS_MAX))
		return refuse(e, "is HOST:PORT");
	return put_text(c, s, text);
}

static enum base_err
read_number(struct ca_conf *c, const struct setting *s, config_setting_t *e)
{
	int type = config_setting_type(e);
	double v;

	if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
		v = (double)config_setting_get_int64(e);
	else if (type == CONFIG_TYPE_FLOAT && s->kind == SECONDS_MS)
		v = config_setting_get_float(e);
	else
		return refuse(e,
		    s->kind == SECONDS_MS ? "is a number of "
					    "seconds"
					  : "is a whole number");
	if (v < s->min || v > s->max) {
		char why[80];

		snprintf(why, sizeof(why), "lies outside %g to %g", s->min,
		    s->max);
		return refuse(e, why);
	}
	*(uint32_t *)field(c, s) =
	    (uint32_t)(s->kind == SECONDS_MS ? v * 1000 : v);
	return BASE_OK;
}

static enum base_err
read_uids(struct ca_conf *c, config_setting_t *e)
{
	int n = config_setting_length(e);

	if (!config_setting_is_array(e) || n > CA_UIDS_MAX)
		return refuse(e, "is an array of at most 16 user ids");
	for (int i = 0; i < n; i++) {
		config_setting_t *v = config_setting_get_elem(e, (unsigned)i);

		if (config_setting_type(v) != CONFIG_TYPE_INT ||
		    config_setting_get_int(v) < 0)
			return refuse(e, "holds something that is no user id");
		c->uids[c->nuids++] = (uid_t)config_setting_get_int(v);
	}
	return BASE_OK;
}

static enum base_err
read_names(struct ca_conf *c, config_setting_t *e)
{
	int n = config_setting_length(e);
	size_t at = 0;

	if (!config_setting_is_array(e) || n > WIRE_SAN_MAX)
		return refuse(e, "is an array of at most 8 strings");
	for (int i = 0; i < n; i++) {
		const char *v = config_setting_get_string_elem(e, i);

		if (v == NULL || strchr(v, ' ') != NULL ||
		    (strncmp(v, "DNS:", 4) != 0 && strncmp(v, "IP:", 3) != 0))
			return refuse(e, "holds strings DNS:… or IP:…");
		if (at + strlen(v) + 2 > sizeof(c->names))
			return refuse(e, "is too long");
		at += (size_t)sprintf(c->names + at, "%s%s", i == 0 ? "" : " ",
		    v);
	}
	return BASE_OK;
}

static enum base_err
read_one(struct ca_conf *c, const struct setting *s, config_setting_t *e)
{
	switch (s->kind) {
	case NAME:
	case PATH:
	case ADDRESS:
		return read_text(c, s, e);
	case SECONDS_MS:
	case NUMBER:
		return read_number(c, s, e);
	case UIDS:
		return read_uids(c, e);
	case NAMES:
		return read_names(c, e);
	}
	return BASE_OK;
}

/* ---- the file ------------------------------------------------------------------ */

static void
set_default(struct ca_conf *c, const struct setting *s)
{
	if (s->text != NULL)
		*(char **)field(c, s) = base_strdup(s->text);
	else if (s->kind == SECONDS_MS)
		*(uint32_t *)field(c, s) = (uint32_t)(s->number * 1000);
	else if (s->kind == NUMBER)
		*(uint32_t *)field(c, s) = (uint32_t)s->number;
}

static enum base_err
read_known(struct ca_conf *c, config_setting_t *root, bool *seen)
{
	for (unsigned int i = 0; i < (unsigned int)config_setting_length(root);
	     i++) {
		config_setting_t *e = config_setting_get_elem(root, i);
		size_t k = 0;
		enum base_err r;

		while (k < NSETTINGS &&
		    strcmp(settings[k].key, config_setting_name(e)) != 0)
			k++;
		if (k == NSETTINGS)
			return refuse(e, "is no setting of kedged");
		if ((r = read_one(c, &settings[k], e)) != BASE_OK)
			return r;
		seen[k] = true;
	}
	return BASE_OK;
}

static enum base_err
check_whole(const struct ca_conf *c, const char *path)
{
	if (c->fleet[0] == '\0')
		return base_fail(BASE_E_CONFIG,
		    "%s: fleet is missing: the "
		    "name that all certificates of this fleet carry",
		    path);
	if (c->resend_max_ms < c->resend_ms)
		return base_fail(BASE_E_CONFIG,
		    "%s: resend_max is smaller than resend", path);
	if (c->backdate_s >= c->order_s)
		return base_fail(BASE_E_CONFIG,
		    "%s: backdate is not smaller than order_life", path);
	return BASE_OK;
}

enum base_err
ca_conf_read(const char *path, struct ca_conf *out)
{
	bool seen[NSETTINGS] = { false };
	config_t cfg;
	enum base_err r;

	memset(out, 0, sizeof(*out));
	config_init(&cfg);
	if (config_read_file(&cfg, path) != CONFIG_TRUE) {
		r = base_fail(BASE_E_CONFIG, "%s:%d: %s", path,
		    config_error_line(&cfg), config_error_text(&cfg));
		goto out;
	}
	if ((r = read_known(out, config_root_setting(&cfg), seen)) != BASE_OK)
		goto out;
	for (size_t k = 0; k < NSETTINGS; k++)
		if (!seen[k])
			set_default(out, &settings[k]);
	r = check_whole(out, path);
out:
	config_destroy(&cfg);
	if (r != BASE_OK)
		ca_conf_free(out);
	return r;
}

void
ca_conf_free(struct ca_conf *c)
{
	free(c->state_dir);
	free(c->control);
	free(c->hsm);
	free(c->listen);
	free(c->address);
	memset(c, 0, sizeof(*c));
}
