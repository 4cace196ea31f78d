#include "lifeline.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/names.h"

/* A pipe's default capacity: no more than that can wait in one whose writers are gone. */
#define DRAIN_MAX 65536

static char *path_of(const char *id)
{
        char *path;

        return asprintf(&path, LIFELINE_DIRECTORY "/%s", id) < 0 ? NULL : path;
}

int lifeline_prepare(void)
{
        if (mkdir(LIFELINE_DIRECTORY, 0700) < 0 && errno != EEXIST)
                return -errno;
        return 0;
}

int lifeline_make(const char *id, int *ret_reader, int *ret_writer)
{
        _cleanup_free_ char *path = path_of(id);
        _cleanup_close_ int reader = -1, writer = -1;
        int r = 0;

        if (!path)
                return -ENOMEM;
        if (mkfifo(path, 0600) < 0)
                return -errno;
        /* The reader first: to open a writer without one fails, and would block without O_NONBLOCK.
         */
        reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (reader >= 0)
                writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (writer < 0)
                r = -errno;
        if (r < 0) {
                unlink(path);
                return r;
        }
        *ret_reader = TAKE_FD(reader);
        *ret_writer = TAKE_FD(writer);
        return 0;
}

/* An empty FIFO tells: end of file without a writer, EAGAIN with one. Whatever a writer has put
 * into it stands in between, and is thrown away. */
static int look(int reader)
{
        char bytes[4096];

        for (size_t seen = 0; seen <= DRAIN_MAX;) {
                ssize_t n = read(reader, bytes, sizeof(bytes));

                if (n == 0)
                        return LIFELINE_GONE;
                if (n < 0 && errno == EAGAIN)
                        return LIFELINE_ALIVE;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        seen += (size_t)n;
        }
        return LIFELINE_ALIVE;
}

int lifeline_reopen(const char *id, int *ret_reader)
{
        _cleanup_free_ char *path = path_of(id);
        _cleanup_close_ int reader = -1;
        int r;

        if (!path)
                return -ENOMEM;
        reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (reader < 0)
                return errno == ENOENT ? LIFELINE_GONE : -errno;
        r = look(reader);
        if (r != LIFELINE_ALIVE)
                return r;
        *ret_reader = TAKE_FD(reader);
        return LIFELINE_ALIVE;
}

void lifeline_remove(const char *id)
{
        _cleanup_free_ char *path = path_of(id);

        if (path)
                (void)unlink(path);
}

DEFINE_CLEANUP(DIR *, closedir);

void lifeline_sweep(int (*keep)(const char *id, void *userdata), void *userdata)
{
        _cleanup_(closedirp) DIR *directory = opendir(LIFELINE_DIRECTORY);
        struct dirent *entry;

        while (directory && (entry = readdir(directory)))
                if (id_is_valid(entry->d_name) && !keep(entry->d_name, userdata))
                        (void)unlinkat(dirfd(directory), entry->d_name, 0);
}
