#include "aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define DAY_SEC ((time_t)24 * 3600)

/* The database first: a new one that finds side files of another makes nothing of them. */
static const char *const suffixes[] = { "", "-wal", "-journal", "-shm" };

#define N_SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

/* What was set aside before goes, also where there is nothing to put in its place. */
static int put_one(const char *path, const char *suffix)
{
        _cleanup_free_ char *from = NULL, *to = NULL;

        if (asprintf(&from, "%s%s", path, suffix) < 0)
                return -ENOMEM;
        if (asprintf(&to, "%s" ASIDE_SUFFIX "%s", path, suffix) < 0)
                return -ENOMEM;
        if (rename(from, to) < 0)
                return errno == ENOENT && (unlink(to) == 0 || errno == ENOENT) ? 0 : -errno;
        if (fchmodat(AT_FDCWD, to, 0600, 0) < 0)
                return -errno;
        return utimensat(AT_FDCWD, to, NULL, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int aside_put(const char *path)
{
        int r = 0;

        for (size_t i = 0; i < N_SUFFIXES && r == 0; i++)
                r = put_one(path, suffixes[i]);
        return r;
}

static void remove_one(const char *path, const char *suffix)
{
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, "%s" ASIDE_SUFFIX "%s", path, suffix) >= 0)
                (void)unlink(name);
}

void aside_expire(const char *path)
{
        _cleanup_free_ char *name = NULL;
        struct stat st;

        if (asprintf(&name, "%s" ASIDE_SUFFIX, path) < 0 || lstat(name, &st) < 0 ||
                time(NULL) - st.st_mtime < ASIDE_KEEP_DAYS * DAY_SEC)
                return;
        /* The database last: as long as it is there, the rest is found again. */
        for (size_t i = N_SUFFIXES; i-- > 0;)
                remove_one(path, suffixes[i]);
}
