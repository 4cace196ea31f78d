#include "socket-path.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"

/* As the kernel has it (path_resolution(7)). */
#define LINKS_MAX 40

static bool is_writable_by_others(const struct stat *st, uid_t server_uid)
{
        return (st->st_uid != 0 && st->st_uid != server_uid) || (st->st_mode & S_IWOTH) ||
               ((st->st_mode & S_IWGRP) && st->st_gid != 0);
}

/* Puts a link's target in place of the first part of a path, which ends before rest. */
static int follow(const char *link, const char *rest, char **ret)
{
        char target[PATH_MAX];
        ssize_t size = readlink(link, target, sizeof(target));
        int folder = (int)(strrchr(link, '/') - link) + 1;

        if (size <= 0 || size == sizeof(target))
                return -EPERM;
        if (target[0] == '/')
                folder = 0;
        if (asprintf(ret, "%.*s%.*s%s", folder, link, (int)size, target, rest) < 0)
                return -ENOMEM;
        return 0;
}

/* Looks at the first part of a path: a folder, the socket, or a link, which gives the path to go on
 * with. */
static int look(const char *path, size_t part_size, uid_t server_uid, char **ret_path)
{
        _cleanup_free_ char *part = strndup(path, part_size);
        struct stat st;

        if (!part)
                return -ENOMEM;
        if (lstat(part, &st) < 0)
                return 0;
        if (S_ISLNK(st.st_mode))
                return follow(part, path + part_size, ret_path);
        return S_ISDIR(st.st_mode) && is_writable_by_others(&st, server_uid) ? -EPERM : 0;
}

int socket_path_check(const char *path, uid_t server_uid)
{
        _cleanup_free_ char *way = strdup(path);
        unsigned links = 0;
        size_t end = 0;
        int r;

        if (!way)
                return -ENOMEM;
        r = look("/", 1, server_uid, NULL);
        while (r == 0 && way[end]) {
                _cleanup_free_ char *next = NULL;

                end += 1 + strcspn(way + end + 1, "/");
                r = look(way, end, server_uid, &next);
                if (!next)
                        continue;
                if (++links > LINKS_MAX)
                        return -EPERM;
                free(way);
                way = TAKE_PTR(next);
                end = 0;
        }
        return r;
}
