/*
 * trace_impl: what record.c and trace.c share.
 */
#pragma once

#include "tests/crash/trace.h"

#include <sys/types.h>

#define CALLS 2048
#define FILES 512

struct call {
	enum trace_kind kind;
	char *path, *to;
	int file; /* number of the inode; -1: a directory */
	uint8_t *p;
	size_t n;
	int value;
};

struct trace_calls {
	const char *dir; /* NULL: nothing is recorded */
	struct call call[CALLS];
	size_t n;
	int nfiles;
};
extern struct trace_calls rec;

struct inode {
	bool dir, dirty;
	struct base_buf now, safe;
};

struct name {
	const char *path; /* of a call or a name at the beginning */
	int file;
};

/* The disk as it was at the beginning. */
struct trace_first {
	struct inode file[FILES];
	struct name name[FILES];
	size_t nnames;
};
extern struct trace_first first;

void trace_must(bool good, const char *what);
#define must trace_must

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_mkostemp(char *path, int flags);
int __wrap_mkostemp(char *path, int flags);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_remove(const char *path);
int __wrap_remove(const char *path);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
