/*
 * pin: see the header. Called by hsmd_main.c (new, free) and ks_worker.c,
 * which hands it to a worker over their socket pair.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hsm/pin.h"

struct hsm_pin { /* lies at the start of its own page */
	size_t n, page;
	uint8_t bytes[HSM_PIN_MAX];
};

enum base_err
hsm_pin_new(struct base_buf *secret, struct hsm_pin **out)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct hsm_pin *p;

	if (secret->n == 0 || secret->n > HSM_PIN_MAX) {
		base_buf_free(secret);
		return base_fail(BASE_E_CONFIG, "pin: must have 1 to %d bytes",
		    HSM_PIN_MAX);
	}
	p = mmap(NULL, page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		base_die("pin: no page: %s", strerror(errno));
	if (mlock(p, page) != 0 || madvise(p, page, MADV_DONTDUMP) != 0) {
		enum base_err e = base_fail(BASE_E_IO,
		    "pin: cannot lock a page into memory: %s; raise "
		    "LimitMEMLOCK",
		    strerror(errno));

		(void)munmap(p, page);
		base_buf_free(secret);
		return e;
	}
	p->n = secret->n;
	p->page = page;
	memcpy(p->bytes, secret->p, secret->n);
	base_buf_free(secret);
	*out = p;
	return BASE_OK;
}

struct base_span
hsm_pin_span(const struct hsm_pin *p)
{
	return (struct base_span){ p->bytes, p->n };
}

void
hsm_pin_free(struct hsm_pin *p)
{
	size_t page;

	if (p == NULL)
		return;
	page = p->page;
	base_wipe(p, page);
	(void)munmap(p, page);
}
