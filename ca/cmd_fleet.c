/*
 * kedge init, root, node, link, topology apply: what the fleet is made of. Each
 * command is a table of arguments and a printer over kedged's answer.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ca/base64.h"
#include "ca/cli.h"
#include "ca/ctl.h"
#include "ca/remote.h"

static enum base_err
print_rows(struct cli *c, const json_t *rows, const struct ca_column *columns)
{
	return ca_table_print(cli_out(c), columns, rows);
}

/* What is left to do. */
static enum base_err
notes_print(struct cli *c, const json_t *a)
{
	const json_t *notes = json_object_get(a, "notes");
	size_t i;
	json_t *o;

	json_array_foreach(notes, i, o)
	    fprintf(cli_out(c), "note: %s\n", json_string_value(o));
	return BASE_OK;
}

/* ---- init ---------------------------------------------------------------- */

static enum base_err
init_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);

	fprintf(f, "fleet %s is ready\nmanagement root SHA-256 %s\n",
	    ca_text_of(a, "fleet"), ca_text_of(a, "management_sha256"));
	return BASE_OK;
}

enum base_err
ca_cmd_init(struct cli *c)
{
	static const struct ca_field args[] = {
		{ "alg", 0, CA_STRING, "alg" },
		CA_FIELD_END,
	};

	return ca_remote(c, "init", args, init_print);
}

/* ---- root ---------------------------------------------------------------- */

static const struct ca_field root_name_args[] = {
	{ NULL, 0, CA_STRING, "root" },
	CA_FIELD_END,
};
static const struct ca_field no_args[] = {
	CA_FIELD_END,
};

static enum base_err
root_list_print(struct cli *c, const json_t *a)
{
	static const struct ca_column columns[] = {
		{ "ROOT", "name", false },
		{ "ALG", "alg", false },
		{ "CURRENT", "current", true },
		{ "ROLLING", "rolling", true },
		CA_COLUMN_END,
	};

	return print_rows(c, json_object_get(a, "roots"), columns);
}

static void
root_print_pems(FILE *f, const json_t *generations)
{
	static const char *const keys[] = { "new_with_new", "new_with_old",
		"old_with_new" };
	size_t i, k;
	json_t *g;

	json_array_foreach(generations, i, g)
	{
		for (k = 0; k < 3; k++) {
			const char *pem =
			    json_string_value(json_object_get(g, keys[k]));

			if (pem != NULL)
				fprintf(f,
				    "\n# %s of generation %" JSON_INTEGER_FORMAT
				    "\n%s",
				    keys[k],
				    json_integer_value(
					json_object_get(g, "generation")),
				    pem);
		}
	}
}

static enum base_err
root_show_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	static const struct ca_column columns[] = {
		{ "GENERATION", "generation", true },
		{ "STATE", "state", false },
		{ "NOT BEFORE", "not_before", false },
		{ "NOT AFTER", "not_after", false },
		{ "SHA-256", "sha256", false },
		CA_COLUMN_END,
	};
	const json_t *generations = json_object_get(a, "generations");
	enum base_err e;

	fprintf(f, "root %s, %s\n", ca_text_of(a, "name"),
	    ca_text_of(a, "alg"));
	if ((e = print_rows(c, generations, columns)) == BASE_OK)
		root_print_pems(f, generations);
	return e;
}

enum base_err
ca_cmd_root_list(struct cli *c)
{
	return ca_remote(c, "root-list", no_args, root_list_print);
}

enum base_err
ca_cmd_root_show(struct cli *c)
{
	return ca_remote(c, "root-show", root_name_args, root_show_print);
}

static enum base_err
root_add_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);

	fprintf(f, "root %s is there, generation %" JSON_INTEGER_FORMAT "\n",
	    ca_text_of(a, "name"),
	    json_integer_value(json_object_get(a, "current")));
	return BASE_OK;
}

enum base_err
ca_cmd_root_add(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "root" },
		{ "alg", 0, CA_STRING, "alg" },
		{ "days", 0, CA_NUMBER, "days" },
		CA_FIELD_END,
	};

	return ca_remote(c, "root-add", args, root_add_print);
}

/* ---- node ------------------------------------------------------------------ */

static enum base_err
node_list_print(struct cli *c, const json_t *a)
{
	static const struct ca_column columns[] = {
		{ "NODE", "name", false },
		{ "REACH", "reach", false },
		{ "VIA", "via", false },
		{ "DUAL", "dual", false },
		{ "SHALLOW", "shallow", false },
		{ "ADDRESS", "address", false },
		{ "JOINED", "joined", false },
		{ "SEEN", "seen", false },
		CA_COLUMN_END,
	};

	return print_rows(c, json_object_get(a, "nodes"), columns);
}

static enum base_err
node_show_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	static const struct ca_column roots[] = {
		{ "ROOT", "root", false },
		{ "TRUSTS", "trust", false },
		{ "PRESENTS", "present", false },
		{ "EPOCH", "epoch", true },
		{ "CONFIRMED", "confirmed", false },
		CA_COLUMN_END,
	};
	static const struct ca_column orders[] = {
		{ "ROOT", "root", false },
		{ "ROLL", "roll", true },
		{ "EPOCH", "epoch", true },
		{ "STEPS", "steps", false },
		{ "STATE", "state", false },
		{ "PROOF", "proof", false },
		{ "SENT", "sent", false },
		{ "SETTLED", "settled", false },
		{ "REASON", "reason", false },
		CA_COLUMN_END,
	};
	enum base_err e;

	fprintf(f, "node %s%s%s, %s, seen %s\n", ca_text_of(a, "name"),
	    json_is_true(json_object_get(a, "dual")) ? ", dual" : "",
	    json_is_true(json_object_get(a, "shallow")) ? ", shallow" : "",
	    json_is_true(json_object_get(a, "joined")) ? "joined"
						       : "not joined",
	    ca_text_of(a, "seen"));
	ca_unsafe_print(f, a, "");
	if ((e = print_rows(c, json_object_get(a, "roots"), roots)) != BASE_OK)
		return e;
	return print_rows(c, json_object_get(a, "orders"), orders);
}

static const struct ca_field node_name_args[] = {
	{ NULL, 0, CA_STRING, "node" },
	CA_FIELD_END,
};

enum base_err
ca_cmd_node_list(struct cli *c)
{
	return ca_remote(c, "node-list", no_args, node_list_print);
}

enum base_err
ca_cmd_node_show(struct cli *c)
{
	return ca_remote(c, "node-show", node_name_args, node_show_print);
}

enum base_err
ca_cmd_node_add(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "node" },
		{ "reach", 0, CA_STRING, "reach" },
		{ "via", 0, CA_LIST, "via" },
		{ "dual", 0, CA_SWITCH, "dual" },
		{ "shallow", 0, CA_YES_NO, "shallow" },
		{ "address", 0, CA_STRING, "address" },
		{ "names", 0, CA_LIST, "names" },
		CA_FIELD_END,
	};

	return ca_remote(c, "node-add", args, NULL);
}

enum base_err
ca_cmd_node_set(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "node" },
		{ "address", 0, CA_STRING, "address" },
		{ "shallow", 0, CA_YES_NO, "shallow" },
		{ "names", 0, CA_LIST, "names" },
		CA_FIELD_END,
	};

	if (!cli_has(c, "address") && !cli_has(c, "shallow") &&
	    !cli_has(c, "names"))
		return base_fail(BASE_E_USAGE,
		    "kedge node set: nothing to set; give --address, "
		    "--shallow or --names");
	return ca_remote(c, "node-set", args, NULL);
}

enum base_err
ca_cmd_node_remove(struct cli *c)
{
	return ca_remote(c, "node-remove", node_name_args, NULL);
}

enum base_err
ca_cmd_node_rekey(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "node" },
		{ "root", 0, CA_STRING, "root" },
		{ "cancel", 0, CA_SWITCH, "cancel" },
		CA_FIELD_END,
	};

	return ca_remote(c, "node-rekey", args, NULL);
}

/* A new file of mode 0600: a secret or an answer must not replace what is
 * there, and must not be readable for others even for a moment. Before kedged
 * is asked: a token that cannot be kept would void the one before. */
static enum base_err
file_reserve(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd == -1)
		return base_fail(BASE_E_IO,
		    "%s: cannot be made: %m; name a file that does not exist, "
		    "in a directory that does",
		    path);
	close(fd);
	return BASE_OK;
}

static enum base_err
file_fill(const char *path, struct base_span s)
{
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	enum base_err e = BASE_OK;

	if (fd == -1)
		return base_fail(BASE_E_IO, "%s: %m", path);
	if (write(fd, s.p, s.n) != (ssize_t)s.n || fsync(fd) == -1)
		e = base_fail(BASE_E_IO, "%s: %m", path);
	if (close(fd) == -1 && e == BASE_OK)
		e = base_fail(BASE_E_IO, "%s: %m", path);
	return e;
}

/* path may be NULL: nothing is written then. */
static enum base_err
act_into(struct cli *c, const char *path, const char *cmd,
    const struct ca_field *args, ca_act_fn *keep, ca_print_fn *print)
{
	json_t *request;
	enum base_err e;

	if ((e = ca_request_new(c, cmd, args, &request)) != BASE_OK)
		return e;
	if (path != NULL && (e = file_reserve(path)) != BASE_OK) {
		json_decref(request);
		return e;
	}
	e = ca_request_ask(c, request, keep, print);
	if (e != BASE_OK && path != NULL)
		unlink(path);
	return e;
}

/* The token goes into the file and nowhere else. */
static enum base_err
node_token_keep(struct cli *c, json_t *a)
{
	const char *out = cli_get(c, "out");
	char *line;
	enum base_err e;

	if (out == NULL)
		return BASE_OK;
	line = base_asprintf("%s\n", ca_text_of(a, "token"));
	e = file_fill(out,
	    (struct base_span){ (const uint8_t *)line, strlen(line) });
	base_wipe(line, strlen(line));
	free(line);
	json_object_del(a, "token");
	return e;
}

static enum base_err
node_token_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	const char *out = cli_get(c, "out");

	if (out == NULL)
		fprintf(f, "%s\n", ca_text_of(a, "token"));
	else
		fprintf(f, "%s holds the token, good until %s, for one join\n",
		    out, ca_text_of(a, "end"));
	return BASE_OK;
}

enum base_err
ca_cmd_node_token(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "node" },
		{ "seconds", 0, CA_NUMBER, "seconds" },
		CA_FIELD_END,
	};

	return act_into(c, cli_get(c, "out"), "node-token", args,
	    node_token_keep, node_token_print);
}

static enum base_err
node_join_keep(struct cli *c, json_t *a)
{
	struct base_buf der;
	enum base_err e;

	base_buf_init(&der, 0);
	if ((e = ca_base64_read("kedged's answer", ca_text_of(a, "answer"),
		 &der)) == BASE_OK)
		e = file_fill(cli_arg(c, 1), base_buf_span(&der));
	base_buf_free(&der);
	return e;
}

static enum base_err
node_join_print(struct cli *c, const json_t *a)
{
	(void)a;
	fprintf(cli_out(c), "%s holds the answer for the node\n",
	    cli_arg(c, 1));
	return BASE_OK;
}

enum base_err
ca_cmd_node_join(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_BINARY, "request" },
		CA_FIELD_END,
	};

	return act_into(c, cli_arg(c, 1), "node-join", args, node_join_keep,
	    node_join_print);
}

/* ---- link -------------------------------------------------------------------- */

static enum base_err
link_list_print(struct cli *c, const json_t *a)
{
	static const struct ca_column columns[] = {
		{ "CLIENT", "client", false },
		{ "SERVER", "server", false },
		{ "AUTH", "auth", false },
		{ "CLIENT ROOT", "client_root", false },
		{ "SERVER ROOT", "server_root", false },
		CA_COLUMN_END,
	};

	return print_rows(c, json_object_get(a, "links"), columns);
}

enum base_err
ca_cmd_link_list(struct cli *c)
{
	return ca_remote(c, "link-list", no_args, link_list_print);
}

enum base_err
ca_cmd_link_add(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "client" },
		{ NULL, 1, CA_STRING, "server" },
		{ "auth", 0, CA_STRING, "auth" },
		{ "root", 0, CA_STRING, "root" },
		{ "client-root", 0, CA_STRING, "client_root" },
		{ "server-root", 0, CA_STRING, "server_root" },
		{ "replace", 0, CA_SWITCH, "replace" },
		CA_FIELD_END,
	};

	return ca_remote(c, "link-add", args, notes_print);
}

enum base_err
ca_cmd_link_remove(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_STRING, "client" },
		{ NULL, 1, CA_STRING, "server" },
		{ "reason", 0, CA_STRING, "reason" },
		CA_FIELD_END,
	};

	return ca_remote(c, "link-remove", args, NULL);
}

/* ---- topology apply ------------------------------------------------------------ */

/* --exit-code is about what is not done yet: about a dry run. */
static enum base_err
topology_judge(struct cli *c, json_t *a)
{
	if (cli_has(c, "dry-run") && cli_has(c, "exit-code") &&
	    json_array_size(json_object_get(a, "changes")) > 0)
		cli_exit_set(c, CLI_CHANGES);
	return BASE_OK;
}

static enum base_err
topology_print(struct cli *c, const json_t *a)
{
	FILE *f = cli_out(c);
	const json_t *changes = json_object_get(a, "changes");
	json_int_t skipped = json_integer_value(json_object_get(a, "skipped"));
	const char *more;
	size_t i;
	json_t *o;

	json_array_foreach(changes, i, o)
	{
		more = ca_text_of(o, "detail");
		fprintf(f, "%s %s %s%s%s\n", ca_text_of(o, "op"),
		    ca_text_of(o, "kind"), ca_text_of(o, "name"),
		    *more == '\0' ? "" : "  ", more);
	}
	if (json_array_size(changes) == 0)
		fprintf(f, "no changes\n");
	if (skipped > 0)
		fprintf(f,
		    "%" JSON_INTEGER_FORMAT
		    " not removed; --allow-remove does that\n",
		    skipped);
	return notes_print(c, a);
}

static enum base_err
topology_applied(struct cli *c, const json_t *a)
{
	json_int_t all =
	    (json_int_t)json_array_size(json_object_get(a, "changes"));

	fprintf(cli_out(c), "%s\n",
	    all == ca_number_of(a, "skipped") ? "nothing to do" : "applied");
	return BASE_OK;
}

/* The difference is shown before it is made: a dry run goes first, so that
 * what is printed is there even when kedged dies in the middle. */
enum base_err
ca_cmd_topology_apply(struct cli *c)
{
	static const struct ca_field args[] = {
		{ NULL, 0, CA_TEXT, "text" },
		{ "dry-run", 0, CA_SWITCH, "dry_run" },
		{ "allow-remove", 0, CA_SWITCH, "allow_remove" },
		{ "reason", 0, CA_STRING, "reason" },
		CA_FIELD_END,
	};
	enum base_err e;
	json_t *request;

	if ((e = ca_request_new(c, "topology-apply", args, &request)) !=
	    BASE_OK)
		return e;
	if (cli_has(c, "dry-run") || cli_json(c))
		return ca_request_ask(c, request, topology_judge,
		    topology_print);
	json_object_set_new(request, "dry_run", json_true());
	if ((e = ca_request_ask(c, json_incref(request), NULL,
		 topology_print)) == BASE_OK) {
		fflush(cli_out(c));
		json_object_del(request, "dry_run");
		return ca_request_ask(c, request, NULL, topology_applied);
	}
	json_decref(request);
	return e;
}
