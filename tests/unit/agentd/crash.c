/* The writes of crash.h. */
#include <unistd.h>

#include "base/base.h"
#include "tests/unit/agentd/crash.h"

int crash_before = -1, crash_writes;
bool crash_torn;

enum base_err
__real_base_file_write(const char *path, struct base_span data, mode_t mode);
enum base_err
__real_base_file_put(const char *path, struct base_span data, mode_t mode);
enum base_err __real_base_dir_sync(const char *path);
enum base_err
__wrap_base_file_write(const char *path, struct base_span data, mode_t mode);
enum base_err
__wrap_base_file_put(const char *path, struct base_span data, mode_t mode);
enum base_err __wrap_base_dir_sync(const char *path);

static bool
is_due(void)
{
	return crash_writes++ == crash_before;
}

enum base_err
__wrap_base_file_write(const char *path, struct base_span data, mode_t mode)
{
	if (is_due())
		_exit(CRASH_EXIT);
	return __real_base_file_write(path, data, mode);
}

enum base_err
__wrap_base_file_put(const char *path, struct base_span data, mode_t mode)
{
	if (!is_due())
		return __real_base_file_put(path, data, mode);
	data.n /= 2;
	if (crash_torn && __real_base_file_put(path, data, mode) != BASE_OK)
		_exit(1);
	_exit(CRASH_EXIT);
}

enum base_err
__wrap_base_dir_sync(const char *path)
{
	if (is_due())
		_exit(CRASH_EXIT);
	return __real_base_dir_sync(path);
}
