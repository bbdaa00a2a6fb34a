/*
 * ca/doctor_host: what the doctor finds on the CA's host: the store, the
 * clock, kedge-hsmd, the disk, and who may write what is kedged's alone.
 */
#include "ca/doctor.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define BACK_MS INT64_C(300000)

static void
hsm(struct ca *ca, json_t *list)
{
	const struct ca_hsm_state *h = ca_health_hsm(ca);
	struct ca_finding f = { CA_FAULT, "hsmd", "",
		"nothing is signed: no order, no join, no renewal",
		"journalctl -u kedge-hsmd; is its socket the one in "
		"kedged.conf?" };
	char subject[CA_NAME + 8];

	if (!h->up)
		ca_found(list, &f, "kedge-hsmd does not answer: %s", h->why);
	f.check = "token";
	f.subject = subject;
	f.help = "is it plugged in? A refused PIN is not tried again: put the "
		 "right one in place and restart kedge-hsmd";
	for (size_t i = 0; i < h->ntokens; i++) {
		snprintf(subject, sizeof(subject), "token %s",
		    h->tokens[i].name);
		if (!h->tokens[i].up)
			ca_found(list, &f, "%s", h->tokens[i].why);
	}
}

static void
store(struct ca *ca, json_t *list)
{
	static const struct ca_finding f = { CA_FAULT, "store", "",
		"facts and audit cannot be relied on",
		"stop kedged and restore its state from a backup" };

	if (ca_store_check(ca->store) != BASE_OK)
		ca_found(list, &f, "%s", base_why());
}

static enum base_err
audit_at(void *arg, const struct ca_audit *a)
{
	*(struct base_time *)arg = a->at;
	return BASE_OK;
}

/* What was recorded in the time to come was recorded by another clock. */
static void
clock_back(struct ca *ca, json_t *list)
{
	static const struct ca_finding f = {
		CA_FAULT, "clock", "",
		"orders and certificates carry its dates, and nodes whose "
		"clocks are right refuse them",
		"set the clock of the CA's host; is its time service running?"
	};
	struct base_time at = { 0 };
	char when[BASE_RFC3339_LEN];
	uint64_t n = 0;

	if (ca_store_audit_count(ca->store, &n) != BASE_OK || n == 0 ||
	    ca_store_audit_list(ca->store, n, 1, audit_at, &at) != BASE_OK ||
	    at.ms <= ca_now(ca).ms + BACK_MS)
		return;
	base_time_format(at, when);
	ca_found(list, &f,
	    "the CA's clock went back: the last audit record is of %s", when);
}

/* ---- disk and rights -------------------------------------------------------------- */

static void
disk(struct ca *ca, json_t *list)
{
	struct ca_finding f = { CA_WARNING, "disk", "",
		"a full disk stops every roll: nothing is sent that was not "
		"stored",
		"make room" };
	struct statvfs s;
	uint64_t all, left;

	if (statvfs(ca->conf->state_dir, &s) != 0)
		return;
	all = (uint64_t)s.f_blocks * s.f_frsize;
	left = (uint64_t)s.f_bavail * s.f_frsize;
	if (left >= all / 20 && left >= UINT64_C(64) << 20)
		return;
	if (left < all / 100 || left < UINT64_C(8) << 20)
		f.level = CA_FAULT;
	ca_found(list, &f, "%s: %llu MiB are left", ca->conf->state_dir,
	    (unsigned long long)(left >> 20));
}

static void
is_private(const char *path, json_t *list)
{
	static const struct ca_finding f = { CA_FAULT, "rights", "",
		"who can write there can change what the CA believes, who can "
		"read there has its key",
		"chown to kedged's user, chmod 700 (directory) or 600 (file)" };
	struct stat s;

	if (stat(path, &s) != 0)
		ca_found(list, &f, "%s: %s", path, strerror(errno));
	else if (s.st_uid != geteuid())
		ca_found(list, &f, "%s belongs to uid %u, not to kedged's",
		    path, (unsigned)s.st_uid);
	else if ((s.st_mode & 077) != 0)
		ca_found(list, &f, "%s has mode %o", path,
		    (unsigned)s.st_mode & 07777);
}

/* Who may write beside the socket could put another in its place. */
static void
control_is_ours(const char *path, json_t *list)
{
	static const struct ca_finding f = { CA_FAULT, "rights", "",
		"whoever replaces the socket sees the operators' commands and "
		"join tokens",
		"put the socket into a directory that only kedged writes, mode "
		"755" };
	char *copy = base_strdup(path);
	const char *dir = dirname(copy);
	struct stat s;

	if (stat(path, &s) != 0 || !S_ISSOCK(s.st_mode))
		ca_found(list, &f, "%s is no socket", path);
	else if (s.st_uid != geteuid())
		ca_found(list, &f, "%s belongs to uid %u, not to kedged's",
		    path, (unsigned)s.st_uid);
	if (stat(dir, &s) != 0 ||
	    ((s.st_mode & 022) != 0 && (s.st_mode & S_ISVTX) == 0))
		ca_found(list, &f, "%s: others may write there, mode %o", dir,
		    (unsigned)s.st_mode & 07777);
	free(copy);
}

static void
rights(struct ca *ca, json_t *list)
{
	static const char *const files[] = { "kedged.db", "ca-tls.key" };

	is_private(ca->conf->state_dir, list);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		char *path =
		    base_asprintf("%s/%s", ca->conf->state_dir, files[i]);

		if (i == 0 || ca->ready)
			is_private(path, list);
		free(path);
	}
	control_is_ours(ca->conf->control, list);
}

void
ca_doctor_host(struct ca *ca, json_t *list)
{
	hsm(ca, list);
	store(ca, list);
	clock_back(ca, list);
	disk(ca, list);
	rights(ca, list);
}
