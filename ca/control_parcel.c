/*
 * ca/control_parcel: parcel-export and parcel-import on the control socket.
 */
#include "ca/base64.h"
#include "ca/control.h"
#include "ca/parcels.h"

static enum base_err
cmd_parcel_export(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca_parcels_out out;
	struct ca_parcels_for to = { .who = ca_session_who(s) };
	struct base_buf file;
	const char *cmd;
	int again = 0;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s, s?b}", "cmd", &cmd, "node", &to.node,
		 "again", &again)) != BASE_OK)
		return r;
	to.again = again != 0;
	base_buf_init(&file, 0);
	if ((r = ca_parcels_export(ca_session_ca(s), &to, &file, &out)) ==
	    BASE_OK)
		*answer = json_pack("{so, sI, sI, sI, so}", "file",
		    ca_base64_new(base_buf_span(&file)), "orders",
		    (json_int_t)out.orders, "acks", (json_int_t)out.acks,
		    "awaited", (json_int_t)out.awaited, "until",
		    ca_json_time(out.until));
	base_buf_free(&file);
	return r;
}

static enum base_err
cmd_parcel_import(struct ca_session *s, json_t *q, json_t **answer)
{
	struct ca_parcels_in in;
	const char *cmd, *text;
	struct base_buf file;
	enum base_err r;

	if ((r = ca_unpack(q, "{s:s, s:s}", "cmd", &cmd, "file", &text)) !=
	    BASE_OK)
		return r;
	base_buf_init(&file, 0);
	if ((r = ca_base64_read("parcel-import: file", text, &file)) ==
		BASE_OK &&
	    (r = ca_parcels_import(ca_session_ca(s), base_buf_span(&file),
		 ca_session_who(s), &in)) == BASE_OK)
		*answer = json_pack("{ss, sI, sI, sb, sI, ss}", "node", in.node,
		    "reports", (json_int_t)in.reports, "known",
		    (json_int_t)in.known, "holds", (int)in.stock, "refused",
		    (json_int_t)in.refused, "reason", in.why);
	base_buf_free(&file);
	return r;
}

const struct ca_command ca_commands_parcel[] = {
	{ "parcel-export", cmd_parcel_export },
	{ "parcel-import", cmd_parcel_import },
	{ NULL, NULL },
};
