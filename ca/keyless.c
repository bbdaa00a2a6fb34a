/*
 * ca/keyless: what a new link asks of nodes that joined before it: a key is
 * bound by a join, and to the roots that the node's configuration named then.
 * Called by the control_*.c files.
 */
#include <stdlib.h>
#include <string.h>

#include "ca/control.h"

static enum base_err
look(struct ca *ca, const char *node, const char *root, json_t *notes)
{
	struct base_buf key;
	struct ca_node n;
	enum base_err r;
	char *text;

	if ((r = ca_store_node_get(ca->store, node, &n)) == BASE_E_NOTFOUND ||
	    (r == BASE_OK && n.joined.ms == 0))
		return BASE_OK; /* comes with all it needs */
	if (r != BASE_OK)
		return r;
	base_buf_init(&key, 0);
	r = ca_store_key_get(ca->store, node, root, &key);
	base_buf_free(&key);
	if (r != BASE_E_NOTFOUND)
		return r;
	text = base_asprintf(
	    "node %s: joined without a key under root %s, which cannot roll "
	    "before it has one; name that root in its configuration, kedge "
	    "node token %s, and let it join again",
	    node, root, node);
	json_array_append_new(notes, json_string(text));
	free(text);
	return BASE_OK;
}

enum base_err
ca_link_keyless(struct ca *ca, const struct ca_link *l, json_t *notes)
{
	const bool mutual = l->client_root[0] != '\0',
		   apart =
		       mutual && strcmp(l->client_root, l->server_root) != 0;
	enum base_err r = BASE_OK;

	for (int end = 0; r == BASE_OK && end < 2; end++) {
		const char *node = end == 0 ? l->client : l->server;

		r = look(ca, node, l->server_root, notes);
		if (r == BASE_OK && apart)
			r = look(ca, node, l->client_root, notes);
	}
	return r;
}
