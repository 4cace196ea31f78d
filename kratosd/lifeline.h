/*
 * A lifeline: a FIFO that lives as long as a session. The login program holds its write end, the
 * daemon its read end; when no writer is left, however that came about, the session is over. It is
 * found again by its name after a restart of the daemon.
 */
#pragma once

#define LIFELINE_DIRECTORY "/run/kratosd/lifelines"

enum lifeline_result {
        LIFELINE_ALIVE = 0,
        LIFELINE_GONE = 1, /* no writer is left, or there never was such a lifeline */
};

/* Makes the directory, if it is not there. -errno. */
int lifeline_prepare(void);

/* Makes a lifeline and opens both of its ends, which the caller owns. -errno. */
int lifeline_make(const char *id, int *ret_reader, int *ret_writer);

/* Opens the read end of an existing one. LIFELINE_GONE (nothing is returned then), or -errno. */
int lifeline_reopen(const char *id, int *ret_reader);

/* Removes its name. Errors are of no consequence. */
void lifeline_remove(const char *id);

/* Calls keep with each name in the directory, and removes those for which it returns 0. */
void lifeline_sweep(int (*keep)(const char *id, void *userdata), void *userdata);
