/*
 * kedge roll report: what became of a roll; kedged tells it
 * (ca/roll_report.c), here it becomes two tables.
 */
#include <stdio.h>
#include <string.h>

#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"

static enum base_err
orders_print(FILE *f, const json_t *nodes)
{
	static const struct ca_column columns[] = {
		{ "NODE", "node", false },
		{ "STEPS", "steps", false },
		{ "STATE", "state", false },
		{ "ORDERED", "ordered", false },
		{ "RECEIVED", "received", false },
		{ "SETTLED", "settled", false },
		{ "TOOK ms", "took_ms", true },
		{ "PROOF", "proof", false },
		CA_COLUMN_END,
	};
	json_t *rows = json_array(), *node, *o;
	enum base_err e;
	size_t i, k;

	json_array_foreach(nodes, i, node)
	{
		json_array_foreach(json_object_get(node, "orders"), k, o)
		{
			json_t *row = json_copy(o);

			json_object_set(row, "node",
			    json_object_get(node, "node"));
			json_array_append_new(rows, row);
		}
	}
	e = ca_table_print(f, columns, rows);
	json_decref(rows);
	return e;
}

static enum base_err
report_print(struct cli *c, const json_t *a)
{
	static const struct ca_column columns[] = {
		{ "PRESENTER", "presenter", false },
		{ "VERIFIER", "verifier", false },
		{ "LAST UNDER OLD", "old_last", false },
		{ "FIRST UNDER NEW", "new_first", false },
		{ "PROOF", "proof", false },
		{ "FAILURES", "failures", true },
		CA_COLUMN_END,
	};
	FILE *f = cli_out(c);
	enum base_err e;
	size_t i;
	json_t *o;

	fprintf(f,
	    "roll %" JSON_INTEGER_FORMAT
	    " of root %s, generation %" JSON_INTEGER_FORMAT
	    " -> %" JSON_INTEGER_FORMAT ", %s: %s\nstarted %s, ended %s\n\n",
	    ca_number_of(a, "roll"), ca_text_of(a, "root"),
	    ca_number_of(a, "from"), ca_number_of(a, "to"),
	    ca_text_of(a, "strategy"), ca_text_of(a, "state"),
	    ca_text_of(a, "started"), ca_text_of(a, "ended"));
	if (json_is_true(json_object_get(a, "compromised")))
		fprintf(f,
		    "COMPROMISED: the old root's key may be in wrong hands"
		    "\n\n");
	if ((e = orders_print(f, json_object_get(a, "nodes"))) != BASE_OK)
		return e;
	fprintf(f, "\n");
	e = ca_table_print(f, columns, json_object_get(a, "links"));
	json_array_foreach(json_object_get(a, "nodes"), i, o)
	{
		if (json_is_true(json_object_get(o, "excused")))
			fprintf(f, "excused: %s\n", ca_text_of(o, "node"));
	}
	ca_unkicked_print(f, a, "");
	fprintf(f,
	    "\nHandshakes are those of the nodes' own probes, dated when their "
	    "reports came\nin; the traffic of the links is not seen.\n");
	return e;
}

enum base_err
ca_cmd_roll_report(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "roll", 0, CA_NUMBER, "roll" },
		CA_FIELD_END,
	};

	return ca_remote(c, "roll-report", args, report_print);
}
