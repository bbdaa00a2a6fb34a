/*
 * hsm/worker: one process per token. The front (ks_worker.c) starts it by
 * fork and exec of the same program before any module is loaded, talks to it
 * over a socket pair, and kills it when it does not answer in time. The
 * worker (worker.c) loads the module, logs in, and serves one request after
 * the other. It has no state that matters: everything is in the token and in
 * the front's journal.
 */
#pragma once

#include "hsm/keystore.h"
#include "hsm/pin.h"

#define HSM_WORKER_FD	 3 /* the worker's end */
#define HSM_WORKER_FRAME ((size_t)16 << 20)

/* SIGN and CMS are answered in as many frames as it takes: whatever is ready
 * once this time has passed, so that a deadline is about progress, not about
 * how slow a token is. */
#define HSM_FLUSH_MS 100

enum hsm_worker_op {
	HSM_W_OPEN = 1,
	HSM_W_LOGIN,
	HSM_W_GENERATE,
	HSM_W_SWEEP,
	HSM_W_SIGN,
	HSM_W_CMS
};

/* ---- frames (worker_io.c): u32 length, then the bytes ---------------------- */

/* TIMEOUT, or IO when the other side is gone. ms < 0: no deadline. */
enum base_err
hsm_frame_send(int fd, struct base_span msg, int64_t ms) BASE_MUST;
/* b is cleared, then holds one whole message. */
enum base_err hsm_frame_recv(int fd, struct base_buf *b, int64_t ms) BASE_MUST;
enum base_err
hsm_ref_put(struct base_buf *b, const struct hsm_key_ref *r) BASE_MUST;
/* r->spki lives as long as b's bytes. */
enum base_err hsm_ref_get(struct base_buf *b, struct hsm_key_ref *r) BASE_MUST;
enum base_err hsm_spans_put(struct base_buf *b, const struct base_span *s,
    size_t n) BASE_MUST;
/* At most HSM_CHUNK; *n gets their number. */
enum base_err
hsm_spans_get(struct base_buf *b, struct base_span *s, size_t *n) BASE_MUST;

/* ---- the process -------------------------------------------------------------- */

/* Serves until its socket is closed; the exit status. */
int hsm_worker_main(int fd);

/* ---- the front's side ------------------------------------------------------------ */

struct hsm_worker_conf { /* all borrowed, must outlive the keystore */
	const char *name; /* of the token, in sentences */
	const char *program; /* NULL: this very program */
	const char *module, *uri;
	char *const *env;        /* "NAME=value" beside our own environment;
				  * ended by NULL, or NULL */
	const char *backup_of; /* directory of a file-backed token; NULL */
	const char *backup_dir; /* where its copy is; NULL without backup_of */
	const struct hsm_pin *pin;
	int64_t open_ms, sign_ms, keygen_ms; /* deadlines */
	int64_t backoff_ms; /* after a failure; doubles up to 32 times */
};
struct hsm_ks *hsm_ks_worker_new(const struct hsm_worker_conf *c);
/* For INFO: "up", "down", "locked-out" and the worker's pid or 0. */
const char *hsm_ks_worker_state(const struct hsm_ks *k, pid_t *pid);
