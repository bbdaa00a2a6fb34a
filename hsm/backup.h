/*
 * hsm/backup: a copy of the directory of a file-backed token (SoftHSM). Its
 * C_Login truncates a file in place and writes it back later; a process
 * killed in between leaves a token that nobody finds any more. So ks_worker
 * copies the directory once a token was found and before it logs in, and puts
 * the copy back when the token is not found.
 */
#pragma once

#include "base/base.h"

/* to becomes like from: files that differ are written durably, files that
 * from no longer has are removed. */
enum base_err hsm_backup_take(const char *from, const char *to) BASE_MUST;
/* Writes every file of the copy that is missing or differs in dir, whose
 * other files stay: a key that is younger than the copy is not lost.
 * NOTFOUND when dir or the copy is not there at all; *n is how many. */
enum base_err
hsm_backup_restore(const char *copy, const char *dir, size_t *n) BASE_MUST;
