/*
 * stand_in: a child that answers one request instead of kedged, for the tests
 * of ca/cmd_*.c by words.h: "--socket s" in a directory of the test's own,
 * which is the current one.
 */
#pragma once

/* Fixtures. */
void stand_in_open(void);
void stand_in_close(void);
/* To the next request. */
void stand_in_answers(const char *text);
