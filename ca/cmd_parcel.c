/*
 * kedge parcel: the parcels of a node as files, for a node without a network.
 */
#include <stdio.h>

#include "ca/base64.h"
#include "ca/cli.h"
#include "ca/remote.h"

static enum base_err
export_keep(struct cli *c, json_t *a)
{
	struct base_buf b;
	enum base_err e;

	base_buf_init(&b, 0);
	if ((e = ca_base64_read("kedged's answer", ca_text_of(a, "file"),
		 &b)) == BASE_OK)
		e = base_file_write(cli_get(c, "out"), base_buf_span(&b), 0600);
	base_buf_free(&b);
	json_object_del(a, "file");
	return e;
}

static enum base_err
export_print(struct cli *c, const json_t *a)
{
	fprintf(cli_out(c),
	    "%s holds %" JSON_INTEGER_FORMAT " orders and %" JSON_INTEGER_FORMAT
	    " acknowledgements for %s\non the node: kedge-agentd --config FILE "
	    "--parcel-import IN --parcel-export OUT\n",
	    cli_get(c, "out"), ca_number_of(a, "orders"),
	    ca_number_of(a, "acks"), cli_arg(c, 0));
	if (ca_number_of(a, "awaited") > 0)
		fprintf(cli_out(c),
		    "left out: %" JSON_INTEGER_FORMAT
		    " orders that were in an earlier file and are too old by "
		    "now; their answer counts, and if that file never came to "
		    "the node, --again makes them again\n",
		    ca_number_of(a, "awaited"));
	if (ca_text_of(a, "until")[0] != '\0')
		fprintf(cli_out(c), "the node takes it until %s\n",
		    ca_text_of(a, "until"));
	return BASE_OK;
}

enum base_err
ca_cmd_parcel_export(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "node" },
		{ "again", 0, CA_SWITCH, "again" },
		CA_FIELD_END,
	};

	if (cli_get(c, "out") == NULL)
		return base_fail(BASE_E_USAGE,
		    "--out FILE is missing: where the parcels go");
	return ca_remote_act(c, "parcel-export", args, export_keep,
	    export_print);
}

static enum base_err
import_print(struct cli *c, const json_t *a)
{
	fprintf(cli_out(c), "node %s: %" JSON_INTEGER_FORMAT " new reports%s\n",
	    ca_text_of(a, "node"), ca_number_of(a, "reports"),
	    json_is_true(json_object_get(a, "holds"))
		? ", and what it holds now"
		: "");
	if (ca_number_of(a, "known") > 0)
		fprintf(cli_out(c),
		    "  known before: %" JSON_INTEGER_FORMAT "\n",
		    ca_number_of(a, "known"));
	if (ca_number_of(a, "refused") > 0)
		fprintf(cli_out(c), "  refused: %" JSON_INTEGER_FORMAT ": %s\n",
		    ca_number_of(a, "refused"), ca_text_of(a, "reason"));
	else if (ca_text_of(a, "reason")[0] != '\0')
		fprintf(cli_out(c), "  left out: %s\n",
		    ca_text_of(a, "reason"));
	return BASE_OK;
}

enum base_err
ca_cmd_parcel_import(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_BINARY, "file" },
		CA_FIELD_END,
	};

	return ca_remote(c, "parcel-import", args, import_print);
}
