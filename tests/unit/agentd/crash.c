/* The writes of crash.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "tests/unit/agentd/crash.h"

int crash_before = -1, crash_writes, crash_full_from = -1;
uint32_t crash_full_mask;
bool crash_torn;

enum base_err
__real_base_file_write(const char *path, struct base_span data, mode_t mode);
enum base_err
__real_base_file_put(const char *path, struct base_span data, mode_t mode);
enum base_err __real_base_dir_sync(const char *path);
enum base_err __real_base_file_stage(const char *path, struct base_span data,
    mode_t mode, char **temp);
enum base_err __real_base_file_place(const char *temp, const char *path);
enum base_err
__wrap_base_file_write(const char *path, struct base_span data, mode_t mode);
enum base_err
__wrap_base_file_put(const char *path, struct base_span data, mode_t mode);
enum base_err __wrap_base_dir_sync(const char *path);
enum base_err __wrap_base_file_stage(const char *path, struct base_span data,
    mode_t mode, char **temp);
enum base_err __wrap_base_file_place(const char *temp, const char *path);

static bool
is_due(void)
{
	return crash_writes++ == crash_before;
}

/* The write that was counted last finds no room. */
static bool
is_full(void)
{
	const int nth = crash_writes - 1 - crash_full_from;

	if (crash_full_from < 0 || nth < 0)
		return false;
	return nth < 32 ? (crash_full_mask >> nth & 1) != 0
			: crash_full_mask == CRASH_FULL;
}

static enum base_err
no_room(const char *path)
{
	errno = ENOSPC;
	return base_fail(BASE_E_IO, "file: cannot write %s: %m", path);
}

enum base_err
__wrap_base_file_write(const char *path, struct base_span data, mode_t mode)
{
	if (is_due())
		_exit(CRASH_EXIT);
	return is_full() ? no_room(path)
			 : __real_base_file_write(path, data, mode);
}

enum base_err
__wrap_base_file_put(const char *path, struct base_span data, mode_t mode)
{
	const bool due = is_due();

	if (!due && !is_full())
		return __real_base_file_put(path, data, mode);
	data.n /= 2;
	if (!due)
		return __real_base_file_put(path, data, mode) == BASE_OK
		    ? no_room(path)
		    : BASE_E_IO;
	if (crash_torn && __real_base_file_put(path, data, mode) != BASE_OK)
		_exit(1);
	_exit(CRASH_EXIT);
}

enum base_err
__wrap_base_dir_sync(const char *path)
{
	if (is_due())
		_exit(CRASH_EXIT);
	return is_full() ? no_room(path) : __real_base_dir_sync(path);
}

enum base_err
__wrap_base_file_stage(const char *path, struct base_span data, mode_t mode,
    char **temp)
{
	if (is_due())
		_exit(CRASH_EXIT);
	*temp = NULL;
	return is_full() ? no_room(path)
			 : __real_base_file_stage(path, data, mode, temp);
}

enum base_err
__wrap_base_file_place(const char *temp, const char *path)
{
	if (is_due())
		_exit(CRASH_EXIT);
	return is_full() ? no_room(path) : __real_base_file_place(temp, path);
}
