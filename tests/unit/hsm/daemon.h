/*
 * kedge-hsmd as a process, for tests: started on a token of its own, asked
 * over its socket, killed.
 */
#pragma once

#include "tests/unit/hsm/softhsm.h"
#include "wire/hsm.h"

extern struct softhsm *soft;
extern char *conf_path, *sock_path, *state_dir;
extern char *hang_path;              /* see hang_module.c */
extern pid_t daemon_pid;             /* 0: none runs */
extern struct wire_hsm_answer daemon_answer;   /* of the last request */

void daemon_setup(void);             /* token and configuration, no process */
void daemon_teardown(void);
void daemon_write(const char *path, const char *text);
void daemon_conf(const char *more);  /* the usual settings and these */
/* True when it says READY, false when it ends before. */
bool daemon_start(const char *pin);
bool daemon_start_two(const char *pin, const char *second);
int daemon_stop(int sig);            /* wait status */

enum base_err daemon_ask(struct wire_hsm_request *r);
/* Key of root plant; *spki, unless NULL, gets it. */
enum base_err daemon_keygen(uint32_t generation, struct base_buf *spki);
/* NewWithNew of plant 1: a signature of the token, all the way. */
enum base_err daemon_sign_root(const struct base_buf *spki1,
    const struct base_buf *spki2);
bool daemon_info_says(const char *what);
int daemon_key_files(void);          /* in the token; two per pair */
