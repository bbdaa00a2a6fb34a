/*
 * worker_io: frames and common fields between the front and a worker, both
 * sides. The two are one program, so a malformed message is a bug; a short
 * or late one is a dead or hanging worker.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hsm/worker.h"

static enum base_err
io_wait(int fd, short events, int64_t until)
{
	for (;;) {
		struct pollfd p = { fd, events, 0 };
		int64_t left = until < 0 ? -1 : until - base_mono_now().ms;
		int r;

		if (until >= 0 && left < 0)
			left = 0;
		r = poll(&p, 1, left > 60000 ? 60000 : (int)left);
		if (r > 0)
			return BASE_OK;
		if (r < 0 && errno != EINTR)
			return base_fail(BASE_E_IO, "poll: %s",
			    strerror(errno));
		if (until >= 0 && base_mono_now().ms >= until)
			return base_fail(BASE_E_TIMEOUT,
			    "no answer within the deadline");
	}
}

static int64_t
io_until(int64_t ms)
{
	return ms < 0 ? -1 : base_mono_now().ms + ms;
}

enum base_err
hsm_frame_send(int fd, struct base_span msg, int64_t ms)
{
	int64_t until = io_until(ms);
	uint8_t head[4] = { (uint8_t)(msg.n >> 24), (uint8_t)(msg.n >> 16),
		(uint8_t)(msg.n >> 8), (uint8_t)msg.n };
	struct base_span part[2] = { { head, 4 }, msg };
	enum base_err e;

	if (msg.n > HSM_WORKER_FRAME)
		return base_fail(BASE_E_RANGE, "worker: message too large");
	for (int i = 0; i < 2; i++)
		while (part[i].n > 0) {
			ssize_t w = send(fd, part[i].p, part[i].n,
			    MSG_NOSIGNAL | MSG_DONTWAIT);

			if (w >= 0) {
				part[i].p += w;
				part[i].n -= (size_t)w;
			} else if (errno == EAGAIN) {
				e = io_wait(fd, POLLOUT, until);
				if (e != BASE_OK)
					return e;
			} else if (errno != EINTR)
				return base_fail(BASE_E_IO,
				    "the other side is gone (%s)",
				    strerror(errno));
		}
	return BASE_OK;
}

static enum base_err
io_read(int fd, uint8_t *p, size_t n, int64_t until)
{
	enum base_err e;

	while (n > 0) {
		ssize_t r;

		if ((e = io_wait(fd, POLLIN, until)) != BASE_OK)
			return e;
		r = recv(fd, p, n, MSG_DONTWAIT);
		if (r < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (r <= 0)
			return base_fail(BASE_E_IO,
			    "the other side is gone (%s)",
			    r == 0 ? "end of file" : strerror(errno));
		p += r;
		n -= (size_t)r;
	}
	return BASE_OK;
}

enum base_err
hsm_frame_recv(int fd, struct base_buf *b, int64_t ms)
{
	int64_t until = io_until(ms);
	uint8_t head[4], part[4096];
	enum base_err e = io_read(fd, head, 4, until);
	size_t left;

	base_buf_clear(b);
	if (e != BASE_OK)
		return e;
	left = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
	    (size_t)head[2] << 8 | head[3];
	if (left > HSM_WORKER_FRAME)
		return base_fail(BASE_E_RANGE, "worker: message too large");
	while (left > 0 && e == BASE_OK) {
		size_t n = left < sizeof(part) ? left : sizeof(part);

		if ((e = io_read(fd, part, n, until)) == BASE_OK)
			e = base_buf_put(b, part, n);
		left -= n;
	}
	base_wipe(part, sizeof(part)); /* a PIN may have passed */
	return e;
}

enum base_err
hsm_ref_put(struct base_buf *b, const struct hsm_key_ref *r)
{
	enum base_err e;

	if ((e = base_buf_put(b, r->id, HSM_ID)) != BASE_OK ||
	    (e = base_buf_put_u8(b, (uint8_t)r->alg)) != BASE_OK ||
	    (e = base_buf_put_blob(b, r->spki)) != BASE_OK)
		return e;
	return BASE_OK;
}

enum base_err
hsm_ref_get(struct base_buf *b, struct hsm_key_ref *r)
{
	enum base_err e = BASE_OK;
	uint8_t alg = 0;

	for (size_t i = 0; i < HSM_ID && e == BASE_OK; i++)
		e = base_buf_get_u8(b, &r->id[i]);
	if (e != BASE_OK || (e = base_buf_get_u8(b, &alg)) != BASE_OK ||
	    (e = base_buf_get_blob(b, &r->spki)) != BASE_OK)
		return e;
	r->alg = (enum wire_alg)alg;
	return BASE_OK;
}

enum base_err
hsm_spans_put(struct base_buf *b, const struct base_span *s, size_t n)
{
	enum base_err e = base_buf_put_u16(b, (uint16_t)n);

	for (size_t i = 0; i < n && e == BASE_OK; i++)
		e = base_buf_put_blob(b, s[i]);
	return e;
}

enum base_err
hsm_spans_get(struct base_buf *b, struct base_span *s, size_t *n)
{
	uint16_t count = 0;
	enum base_err e = base_buf_get_u16(b, &count);

	if (e == BASE_OK && count > HSM_CHUNK)
		e = base_fail(BASE_E_RANGE, "worker: more than %d messages",
		    HSM_CHUNK);
	for (size_t i = 0; i < count && e == BASE_OK; i++)
		e = base_buf_get_blob(b, &s[i]);
	*n = count;
	return e;
}
