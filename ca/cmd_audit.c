/*
 * cmd_audit: `kedge audit list` and `kedge audit verify`: the chained record
 * of all that was done, asked of kedged, or checked in a file of its store.
 */
#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"
#include "ca/store.h"

static enum base_err
audit_verify_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);

	fprintf(f, "%" JSON_INTEGER_FORMAT " records, unbroken, head %s\n",
	    ca_number_of(a, "records"), ca_text_of(a, "head"));
	return BASE_OK;
}

/* Whether kedged runs or not: of a copy, or of a store that it refuses. */
static enum base_err
verify_file(struct cli *c, const char *path)
{
	struct ca_store *st = NULL;
	uint8_t head[32];
	char hex[65];
	uint64_t n = 0;
	json_t *found;
	enum base_err r;

	if ((r = ca_store_open_read(path, &st)) != BASE_OK ||
	    (r = ca_store_audit_verify(st, &n, head)) != BASE_OK)
		goto out;
	base_hex(head, sizeof(head), hex);
	found = json_pack("{sI, ss}", "records", (json_int_t)n, "head", hex);
	if (cli_json(c))
		ca_json_print(cli_out(c), found);
	else
		r = audit_verify_print(c, found);
	json_decref(found);
out:
	ca_store_close(st);
	return r;
}

enum base_err
ca_cmd_audit_verify(struct cli *c)
{
	static const struct ca_field args[] = { CA_FIELD_END };
	const char *path = cli_get(c, "store");

	if (path != NULL)
		return verify_file(c, path);
	return ca_remote(c, "audit-verify", args, audit_verify_print);
}

static enum base_err
audit_list_print(struct cli *c, const json_t *a)
{
	static const struct ca_column columns[] = {
		{ "SEQ", "seq", true },
		{ "TIME", "time", false },
		{ "WHO", "who", false },
		{ "WHAT", "what", false },
		{ "DETAIL", "detail", false },
		CA_COLUMN_END,
	};

	return ca_table_print(cli_out(c), columns,
	    json_object_get(a, "records"));
}

enum base_err
ca_cmd_audit_list(struct cli *c)
{
	static const struct ca_field args[] = {
		{ "from", 0, CA_NUMBER, "from" },
		{ "limit", 0, CA_NUMBER, "limit" },
		CA_FIELD_END,
	};

	return ca_remote(c, "audit-list", args, audit_list_print);
}
