/*
 * A corrupt database, set aside: the database and its side files, under other names beside the
 * place that they had. Sealed tokens stand in it, and names' pins, which an administrator may want
 * back. So one alone is kept, which nobody else may read, and only for ASIDE_KEEP_DAYS. The store
 * sets it aside and removes it.
 */
#pragma once

#define ASIDE_SUFFIX ".corrupt"
#define ASIDE_KEEP_DAYS 7

/* Sets a closed database aside in place of an earlier one. -errno. */
int aside_put(const char *path);

/* Removes what was set aside long enough ago. */
void aside_expire(const char *path);
