/*
 * base: what every folder of kedge stands on; libc only.
 *
 * Errors: every function that can fail for a reason outside our own code
 * returns enum base_err. The sentence for the operator (where, what, why,
 * what to do) is set with base_fail() at the place that knows it, and read
 * with base_why() by the place that prints it. Out of memory and broken
 * invariants do not come back: they log and abort (base_die).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BASE_MUST   __attribute__((warn_unused_result))
#define BASE_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* ---- errors ---------------------------------------------------------- */

enum base_err {
	BASE_OK = 0,
	BASE_E_SYNTAX,    /* malformed input: bytes, text, configuration */
	BASE_E_RANGE,     /* well formed, but too large, too small, too many */
	BASE_E_EXISTS,    /* there already, with other content */
	BASE_E_NOTFOUND,  /* no such thing */
	BASE_E_IO,        /* the system said no; errno is in the sentence */
	BASE_E_DENIED,    /* peer or user has no right to this */
	BASE_E_REFUSED,   /* a rule, profile or check said no */
	BASE_E_OUTAGE,    /* refused because it would cause an outage */
	BASE_E_INTEGRITY, /* stored data contradicts itself or its hash */
	BASE_E_CRYPTO,    /* a signature or certificate does not verify */
	BASE_E_EXPIRED,   /* outside its validity, or the clock is */
	BASE_E_STATE,     /* right request at the wrong moment */
	BASE_E_AGAIN,     /* transient: try again later */
	BASE_E_TIMEOUT,   /* no answer within the deadline */
	BASE_E_CONFIG,    /* configuration wrong or missing */
	BASE_E_USAGE,     /* command line wrong */
};

/* "SYNTAX", "RANGE", …: for logs and JSON; never NULL. */
const char *base_err_name(enum base_err e);
/* The other way round, for answers of a sibling process; NULL or an unknown
 * name is IO, never OK. */
enum base_err base_err_parse(const char *name);

/* Keeps the sentence for this thread (at most 1023 bytes) and returns e.
 * Arguments may contain base_why(): the old sentence is read first. errno is
 * left alone. A macro, so that the compiler sees which value comes back. */
#define base_fail(e, ...) (base_why_set(__VA_ARGS__), base_err_same(e))
void base_why_set(const char *fmt, ...) BASE_PRINTF(1, 2);
static inline enum base_err
base_err_same(enum base_err e)
{
	return e;
}

/* The last sentence of this thread; valid until the next base_fail() in it;
 * never NULL. */
const char *base_why(void);

/* "0.1.0": what --version prints after the program's name. */
const char *base_version(void);

/* ---- log -------------------------------------------------------------- */

enum base_level { BASE_ERR = 3, BASE_WARNING, BASE_NOTICE, BASE_INFO,
	BASE_DEBUG };

/* ident is kept by reference. Lines go to standard error, each with its
 * <N> priority for journald when JOURNAL_STREAM is set, otherwise with
 * UTC time and ident. Messages above max are dropped. */
void base_log_open(const char *ident, enum base_level max);

/* "subject: cause", one line; control bytes are shown as \xNN. */
void base_log(enum base_level level, const char *fmt, ...) BASE_PRINTF(2, 3);

/* One change of state as a line that grep and awk can rely on: "subject: old
 * -> now node=N root=R roll=N epoch=N: why", all four keys always and in this
 * order, "-" where one does not apply (NULL, 0). fmt may give an empty why;
 * then the line ends before the colon. */
struct base_change {
	const char *subject, *old, *now, *node, *root;
	uint64_t roll, epoch;
};
void base_log_change(enum base_level level, const struct base_change *c,
    const char *fmt, ...) BASE_PRINTF(3, 4);

/* Logs and aborts: our own bug, out of memory, a sibling process that
 * speaks nonsense. */
_Noreturn void base_die(const char *fmt, ...) BASE_PRINTF(1, 2);

/* ---- memory: never return NULL ----------------------------------------- */

void *base_alloc(size_t n);                 /* zeroed */
void *base_realloc_array(void *p, size_t nmemb, size_t size); /* n*s checked */
char *base_strdup(const char *s);
char *base_strndup(const char *s, size_t n); /* s may be NULL when n is 0 */
char *base_asprintf(const char *fmt, ...) BASE_PRINTF(1, 2);
void *base_memdup(const void *p, size_t n);
void base_wipe(void *p, size_t n);          /* not optimised away */
bool base_equal_ct(const void *a, const void *b, size_t n); /* constant time */

/* ---- time ----------------------------------------------------------------
 * Wall clock and monotonic clock have types of their own, both in
 * milliseconds; mixing them does not compile. */

struct base_time { int64_t ms; };  /* since 1970-01-01T00:00:00Z */
struct base_mono { int64_t ms; };  /* since some fixed point */

struct base_time base_time_now(void);
struct base_mono base_mono_now(void);
struct base_time base_time_add_s(struct base_time t, int64_t seconds);
/* RFC 3339 in UTC, "2026-01-02T03:04:05Z"; milliseconds are dropped. */
#define BASE_RFC3339_LEN 21
void base_time_format(struct base_time t, char out[BASE_RFC3339_LEN]);
/* Accepts "Z" or a numeric offset, optional fraction. SYNTAX otherwise. */
enum base_err base_time_parse(const char *s, struct base_time *out) BASE_MUST;
/* The same, or so long after from: a whole number and s, m, h or d. */
enum base_err base_time_parse_after(const char *s, struct base_time from,
    struct base_time *out) BASE_MUST;
/* Seconds since the epoch to and from YYYYMMDDHHMMSSZ (X.509
 * GeneralizedTime, 15 characters). */
#define BASE_GENTIME_LEN 16
void base_time_to_gentime(struct base_time t, char out[BASE_GENTIME_LEN]);
enum base_err base_time_from_gentime(const char *s, size_t n,
    struct base_time *out) BASE_MUST;

/* ---- bytes ----------------------------------------------------------------
 * A span looks at bytes of somebody else; a buffer owns its bytes and never
 * grows over its bound. Reading past the end and going over the bound are
 * errors that come back; bytes are wiped when freed. */

struct base_span { const uint8_t *p; size_t n; };

struct base_buf {
	uint8_t *p;     /* owned */
	size_t n;       /* bytes in it */
	size_t cap;     /* allocated */
	size_t max;     /* bound; 0 means BASE_BUF_MAX */
	size_t at;      /* read position */
};
#define BASE_BUF_MAX ((size_t)64 << 20)

void base_buf_init(struct base_buf *b, size_t max);
void base_buf_free(struct base_buf *b);     /* wipes; may be called twice */
void base_buf_clear(struct base_buf *b);    /* wipes, keeps the memory */
struct base_span base_buf_span(const struct base_buf *b);   /* all bytes */
enum base_err base_buf_put(struct base_buf *b, const void *p, size_t n)
    BASE_MUST;
enum base_err base_buf_put_u8(struct base_buf *b, uint8_t v) BASE_MUST;
enum base_err base_buf_put_u16(struct base_buf *b, uint16_t v) BASE_MUST;
enum base_err base_buf_put_u32(struct base_buf *b, uint32_t v) BASE_MUST;
enum base_err base_buf_put_u64(struct base_buf *b, uint64_t v) BASE_MUST;
/* u32 length, then the bytes */
enum base_err base_buf_put_blob(struct base_buf *b, struct base_span s)
    BASE_MUST;
enum base_err base_buf_put_str(struct base_buf *b, const char *s) BASE_MUST;
enum base_err base_buf_printf(struct base_buf *b, const char *fmt, ...)
    BASE_MUST BASE_PRINTF(2, 3);
/* Reading moves at; SYNTAX when the bytes are not there. Integers are big
 * endian. get_blob's span lives as long as the buffer is not written. */
enum base_err base_buf_get_u8(struct base_buf *b, uint8_t *v) BASE_MUST;
enum base_err base_buf_get_u16(struct base_buf *b, uint16_t *v) BASE_MUST;
enum base_err base_buf_get_u32(struct base_buf *b, uint32_t *v) BASE_MUST;
enum base_err base_buf_get_u64(struct base_buf *b, uint64_t *v) BASE_MUST;
enum base_err base_buf_get_blob(struct base_buf *b, struct base_span *s)
    BASE_MUST;
/* A string without NUL bytes, at most max bytes; *out is owned by the
 * caller (free). */
enum base_err base_buf_get_str(struct base_buf *b, size_t max, char **out)
    BASE_MUST;
enum base_err base_buf_get_end(const struct base_buf *b) BASE_MUST;

/* Lower-case hex; out has 2 * n + 1 bytes. */
void base_hex(const void *p, size_t n, char *out);
/* Exactly n bytes from 2 * n hex digits, nothing after. */
enum base_err base_unhex(const char *s, uint8_t *out, size_t n) BASE_MUST;

/* ---- names ------------------------------------------------------------------
 * Node, root and fleet names: 1 to 63 of [a-z0-9.-], first and last a letter
 * or digit. They become file names, SAN dNSNames and log words. */
#define BASE_NAME_MAX 63
bool base_name_is_valid(const char *s);

/* ---- files --------------------------------------------------------------------
 * All writing of state goes through here: temporary name in the same
 * directory, write, fsync, rename, fsync of the directory. With IO errno is
 * that of the call which failed. */
enum base_err base_file_write(const char *path, struct base_span data,
    mode_t mode) BASE_MUST;
/* Its two halves, for files that change together. Written and fsynced beside
 * path, which is untouched; *temp is to be placed, or unlinked, and freed. With
 * an error there is none. */
enum base_err base_file_stage(const char *path, struct base_span data,
    mode_t mode, char **temp) BASE_MUST;
/* It takes the place of path; the directory is the caller's to sync. */
enum base_err base_file_place(const char *temp, const char *path) BASE_MUST;
/* For a file that nothing points to yet: written and fsynced in place; the
 * directory is the caller's to sync. */
enum base_err base_file_put(const char *path, struct base_span data,
    mode_t mode) BASE_MUST;
/* Whole file, at most max bytes (RANGE), into b (appended). NOTFOUND when
 * it does not exist. */
enum base_err base_file_read(const char *path, size_t max,
    struct base_buf *b) BASE_MUST;
/* mkdir for each missing part; existing is fine. */
enum base_err base_dir_make(const char *path, mode_t mode) BASE_MUST;
enum base_err base_dir_sync(const char *path) BASE_MUST;

/* ---- process ---------------------------------------------------------------------- */

/* A secret (PIN, token) from a file descriptor, or a file in
 * $CREDENTIALS_DIRECTORY: one line without its newline, at most max bytes.
 * The descriptor is closed. The buffer is the only copy. */
enum base_err base_secret_read_fd(int fd, size_t max, struct base_buf *b)
    BASE_MUST;
enum base_err base_secret_read_credential(const char *name, size_t max,
    struct base_buf *b) BASE_MUST;
/* sd_notify(3) protocol, nothing when NOTIFY_SOCKET is unset. */
void base_notify(const char *state);
/* No core dumps, not traceable: prctl and setrlimit. For every process that
 * holds a secret. */
void base_harden_memory(void);
