/*
 * forge: what somebody could try who holds a relay's place or the CA's TLS
 * key, but not the key that signs orders. forge.sh sends what this makes to
 * live agents and to kedged and looks that nothing changes.
 *
 *	forge take DB NODE oldest|newest OUT    a real order, from kedged's store
 *	forge cert DB NODE OUT                  its management certificate
 *	forge tamper IN OUT                     one bit of its signature
 *	forge resign IN OUT CERT KEY            the next epoch, by another signer
 *	forge report DB NODE OUT CERT KEY       "effective" in the name of NODE
 *	forge send PORT CERT KEY FROM up|down ROUTE FILE
 *	                                        as a parcel; prints the status
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sqlite3.h>

#include "base/base.h"
#include "wire/msg.h"
#include "wire/x509.h"

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "forge: %s: %s\n", what, base_why());
	ERR_print_errors_fp(stderr);
	exit(2);
}

static void
get(const char *path, struct base_buf *b)
{
	base_buf_init(b, 0);
	must(base_file_read(path, 1 << 20, b) == BASE_OK, path);
}

static void
put(const char *path, struct base_span s)
{
	must(base_file_write(path, s, 0600) == BASE_OK, path);
}

static X509 *
cert_get(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *x = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	must(x != NULL, path);
	fclose(f);
	return x;
}

static EVP_PKEY *
key_get(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *k =
	    f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	must(k != NULL, path);
	fclose(f);
	return k;
}

/* ---- making ------------------------------------------------------------------ */

static void
store_take(const char *db, const char *sql, const char *node,
    struct base_buf *out)
{
	sqlite3 *d;
	sqlite3_stmt *s;

	base_buf_init(out, 0);
	must(sqlite3_open_v2(db, &d, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK,
	    db);
	sqlite3_busy_timeout(d, 2000);
	must(sqlite3_prepare_v2(d, sql, -1, &s, NULL) == SQLITE_OK &&
		sqlite3_bind_text(s, 1, node, -1, SQLITE_STATIC) == SQLITE_OK &&
		sqlite3_step(s) == SQLITE_ROW &&
		base_buf_put(out, sqlite3_column_blob(s, 0),
		    (size_t)sqlite3_column_bytes(s, 0)) == BASE_OK,
	    "kedged's store has none for this node");
	sqlite3_finalize(s);
	sqlite3_close(d);
}

static void
order_take(const char *db, const char *node, bool newest, struct base_buf *out)
{
	store_take(db,
	    newest ? "SELECT cms FROM orders WHERE node = ? AND root = 'plant'"
		     " ORDER BY epoch DESC"
		   : "SELECT cms FROM orders WHERE node = ? AND root = 'plant'"
		     " ORDER BY epoch",
	    node, out);
}

static void
content_of(struct base_span cms, struct base_buf *out)
{
	const unsigned char *p = cms.p;
	CMS_ContentInfo *c = d2i_CMS_ContentInfo(NULL, &p, (long)cms.n);
	ASN1_OCTET_STRING **o = c != NULL ? CMS_get0_content(c) : NULL;

	base_buf_init(out, 0);
	must(o != NULL && *o != NULL &&
		base_buf_put(out, ASN1_STRING_get0_data(*o),
		    (size_t)ASN1_STRING_length(*o)) == BASE_OK,
	    "not CMS");
	CMS_ContentInfo_free(c);
}

static int
cmd_take(char **a)
{
	struct base_buf b;

	order_take(a[0], a[1], strcmp(a[2], "newest") == 0, &b);
	put(a[3], base_buf_span(&b));
	return 0;
}

static int
cmd_cert(char **a)
{
	struct base_buf der, pem;
	X509 *x = NULL;

	store_take(a[0],
	    "SELECT der FROM cert WHERE node = ? AND root = 'management'"
	    " AND kind <> 5 ORDER BY not_before DESC",
	    a[1], &der);
	base_buf_init(&pem, 0);
	must(wire_x509_from_der(base_buf_span(&der), a[1], &x) == BASE_OK &&
		wire_x509_to_pem(x, &pem) == BASE_OK,
	    "certificate");
	put(a[2], base_buf_span(&pem));
	X509_free(x);
	return 0;
}

static int
cmd_tamper(char **a)
{
	struct base_buf b;

	get(a[0], &b);
	b.p[b.n - 1] ^= 1; /* the signature comes last */
	put(a[1], base_buf_span(&b));
	return 0;
}

static int
cmd_resign(char **a)
{
	struct base_buf in, content, next, out;
	struct wire_order o;

	get(a[0], &in);
	content_of(base_buf_span(&in), &content);
	must(wire_order_parse(base_buf_span(&content), &o) == BASE_OK, "order");
	o.epoch++;
	base_buf_init(&next, 0);
	base_buf_init(&out, 0);
	must(wire_order_compose(&o, &next) == BASE_OK, "order");
	must(wire_cms_sign(WIRE_C_ORDER, base_buf_span(&next), cert_get(a[2]),
		 key_get(a[3]), NULL, &out) == BASE_OK,
	    "signing");
	put(a[1], base_buf_span(&out));
	return 0;
}

/* The digest and the epoch are the true ones: only the signer is not. */
static int
cmd_report(char **a)
{
	struct base_buf cms, content, der, out;
	struct wire_order o;
	struct wire_report *r = base_alloc(sizeof(*r));

	order_take(a[0], a[1], true, &cms);
	content_of(base_buf_span(&cms), &content);
	must(wire_order_parse(base_buf_span(&content), &o) == BASE_OK, "order");
	memcpy(r->fleet, o.fleet, sizeof(r->fleet));
	memcpy(r->node, o.node, sizeof(r->node));
	memcpy(r->root, o.root, sizeof(r->root));
	r->roll = o.roll;
	r->epoch = o.epoch;
	wire_digest(base_buf_span(&content), r->order_digest);
	r->status = WIRE_EFFECTIVE;
	r->proof = WIRE_PROOF_PROBE;
	r->at = base_time_now();
	base_buf_init(&der, 0);
	base_buf_init(&out, 0);
	must(wire_report_compose(r, &der) == BASE_OK &&
		wire_cms_sign(WIRE_C_REPORT, base_buf_span(&der),
		    cert_get(a[3]), key_get(a[4]), NULL, &out) == BASE_OK,
	    "signing");
	put(a[2], base_buf_span(&out));
	return 0;
}

/* ---- sending ------------------------------------------------------------------- */

static SSL *
dial(const char *port, const char *cert, const char *key)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval limit = { 5, 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	must(fd >= 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
		    sizeof(limit)) == 0 &&
		connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
	    "connect");
	must(ctx != NULL && SSL_CTX_use_certificate(ctx, cert_get(cert)) == 1 &&
		SSL_CTX_use_PrivateKey(ctx, key_get(key)) == 1,
	    "TLS");
	ssl = SSL_new(ctx);
	must(ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1,
	    "handshake");
	return ssl;
}

static void
parcel_fill(struct wire_parcel *p, const char *way, char *route,
    const char *file)
{
	char *save = NULL, *hop;

	p->down = strcmp(way, "down") == 0;
	p->kind = p->down ? WIRE_P_ORDER : WIRE_P_REPORT;
	p->expires = base_time_add_s(base_time_now(), 600);
	for (hop = strtok_r(route, ",", &save);
	     hop != NULL && p->nroute < WIRE_ROUTE_MAX;
	     hop = strtok_r(NULL, ",", &save))
		snprintf(p->route[p->nroute++], BASE_NAME_MAX + 1, "%s", hop);
	get(file, &p->content);
}

static int
cmd_send(char **a)
{
	struct wire_parcel *p = base_alloc(sizeof(*p));
	struct wire_exchange x = { .parcels = p, .nparcels = 1 };
	struct base_buf body, text;
	char answer[512] = "";
	SSL *ssl;

	parcel_fill(p, a[4], a[5], a[6]);
	snprintf(x.from, sizeof(x.from), "%s", a[3]);
	base_buf_init(&x.hello, 0);
	base_buf_init(&body, 0);
	base_buf_init(&text, 0);
	must(wire_exchange_compose(&x, &body) == BASE_OK &&
		base_buf_printf(&text,
		    "POST /kedge/v1/exchange HTTP/1.1\r\nHost: forge\r\n"
		    "Content-Type: application/octet-stream\r\n"
		    "Content-Length: %zu\r\n\r\n",
		    body.n) == BASE_OK &&
		base_buf_put(&text, body.p, body.n) == BASE_OK,
	    "composing");
	ssl = dial(a[0], a[1], a[2]);
	must(SSL_write(ssl, text.p, (int)text.n) == (int)text.n, "write");
	if (SSL_read(ssl, answer, (int)sizeof(answer) - 1) <= 0)
		snprintf(answer, sizeof(answer), "closed");
	printf("%.*s\n", (int)strcspn(answer, "\r\n"), answer);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int nargs;
		int (*run)(char **args);
	} commands[] = {
		{ "take", 4, cmd_take },
		{ "cert", 3, cmd_cert },
		{ "tamper", 2, cmd_tamper },
		{ "resign", 4, cmd_resign },
		{ "report", 5, cmd_report },
		{ "send", 7, cmd_send },
	};

	int r;

	base_log_open("forge", BASE_ERR);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (argc == commands[i].nargs + 2 &&
		    strcmp(argv[1], commands[i].name) == 0) {
			r = commands[i].run(&argv[2]);
			fflush(stdout);
			_exit(r); /* what is allocated ends with us */
		}
	}
	fprintf(stderr, "forge: see the head of tests/e2e/forge.c\n");
	return 2;
}
