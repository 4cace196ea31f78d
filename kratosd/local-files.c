#include "local-files.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* One line of a group file may name very many members. */
#define LINE_BUFFER_MIN 4096
#define LINE_BUFFER_MAX (16 * 1024 * 1024)

/* One file: its names and numbers, each sorted, and what tells that it is still the same. */
typedef struct table {
        const char *path;
        int (*next)(
                FILE *file, char *buffer, size_t size, const char **ret_name, uid_t *ret_number);
        bool read;
        uint64_t changes; /* how often it was read */
        struct stat as_of;
        char **names;
        uid_t *numbers;
        size_t count;
        size_t capacity;
} table;

struct local_files {
        table users;
        table groups;
};

/* libc's readers of the files themselves. 0, -ENOENT at the end, -errno. */
static int next_user(
        FILE *file, char *buffer, size_t size, const char **ret_name, uid_t *ret_number)
{
        struct passwd entry, *found = NULL;
        int error = fgetpwent_r(file, &entry, buffer, size, &found);

        if (error != 0 || !found)
                return error != 0 ? -error : -ENOENT;
        *ret_name = entry.pw_name;
        *ret_number = entry.pw_uid;
        return 0;
}

static int next_group(
        FILE *file, char *buffer, size_t size, const char **ret_name, uid_t *ret_number)
{
        struct group entry, *found = NULL;
        int error = fgetgrent_r(file, &entry, buffer, size, &found);

        if (error != 0 || !found)
                return error != 0 ? -error : -ENOENT;
        *ret_name = entry.gr_name;
        *ret_number = entry.gr_gid;
        return 0;
}

static void table_clear(table *t)
{
        for (size_t i = 0; i < t->count; i++)
                free(t->names[i]);
        free(t->names);
        free(t->numbers);
        t->names = NULL;
        t->numbers = NULL;
        t->count = t->capacity = 0;
        t->read = false;
}

static int table_add(table *t, const char *name, uid_t number)
{
        if (t->count == t->capacity) {
                size_t capacity = t->capacity ? t->capacity * 2 : 64;
                char **names = reallocarray(t->names, capacity, sizeof(char *));
                uid_t *numbers;

                if (!names)
                        return -ENOMEM;
                t->names = names;
                numbers = reallocarray(t->numbers, capacity, sizeof(uid_t));
                if (!numbers)
                        return -ENOMEM;
                t->numbers = numbers;
                t->capacity = capacity;
        }
        t->names[t->count] = strdup(name);
        if (!t->names[t->count])
                return -ENOMEM;
        t->numbers[t->count++] = number;
        return 0;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_numbers(const void *a, const void *b)
{
        uid_t x = *(const uid_t *)a, y = *(const uid_t *)b;

        return (x > y) - (x < y);
}

/* Reads a line, whatever its length. */
static int read_line(table *t, FILE *file, char **buffer, size_t *size)
{
        for (;;) {
                off_t begin = ftello(file);
                const char *name;
                uid_t number;
                int r;

                r = t->next(file, *buffer, *size, &name, &number);
                if (r == 0)
                        return table_add(t, name, number);
                if (r != -ERANGE || *size >= LINE_BUFFER_MAX)
                        return r;
                free(*buffer);
                *size *= 2;
                *buffer = malloc(*size);
                if (!*buffer)
                        return -ENOMEM;
                if (fseeko(file, begin, SEEK_SET) < 0)
                        return -errno;
        }
}

static int table_read(table *t)
{
        _cleanup_fclose_ FILE *file = fopen(t->path, "re");
        _cleanup_free_ char *buffer = malloc(LINE_BUFFER_MIN);
        size_t size = LINE_BUFFER_MIN;
        int r = 0;

        table_clear(t);
        t->changes++;
        if (!buffer)
                return -ENOMEM;
        if (!file || fstat(fileno(file), &t->as_of) < 0)
                return -errno;
        if (t->as_of.st_size > LOCAL_FILE_MAX)
                return -EFBIG;
        while (r == 0)
                r = read_line(t, file, &buffer, &size);
        if (r != -ENOENT)
                return r;
        if (t->count > 0) {
                qsort(t->names, t->count, sizeof(char *), compare_names);
                qsort(t->numbers, t->count, sizeof(uid_t), compare_numbers);
        }
        t->read = true;
        return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
               a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Makes it what the file is now. */
static int table_update(table *t)
{
        struct stat now;

        if (stat(t->path, &now) < 0)
                return -errno;
        return t->read && is_same(&now, &t->as_of) ? 0 : table_read(t);
}

static bool has_name(const table *t, const char *name)
{
        return t->count > 0 &&
               bsearch(&name, t->names, t->count, sizeof(char *), compare_names) != NULL;
}

static bool has_number(const table *t, uid_t number)
{
        return t->count > 0 &&
               bsearch(&number, t->numbers, t->count, sizeof(uid_t), compare_numbers) != NULL;
}

static int find_name(table *t, const char *name)
{
        int r = table_update(t);

        return r < 0 ? r : has_name(t, name);
}

static int find_number(table *t, uid_t number)
{
        int r = table_update(t);

        return r < 0 ? r : has_number(t, number);
}

int local_user_exists(local_files *l, const char *name)
{
        return find_name(&l->users, name);
}

int local_uid_exists(local_files *l, uid_t uid)
{
        return find_number(&l->users, uid);
}

int local_group_exists(local_files *l, const char *name)
{
        return find_name(&l->groups, name);
}

int local_gid_exists(local_files *l, gid_t gid)
{
        return find_number(&l->groups, gid);
}

int local_files_changes(local_files *l, uint64_t *ret)
{
        int r = table_update(&l->users);

        if (r == 0)
                r = table_update(&l->groups);
        if (r == 0)
                *ret = l->users.changes + l->groups.changes;
        return r;
}

int local_files_match(local_files *l, const char *name, uid_t uid, gid_t gid)
{
        int r = table_update(&l->users);

        if (r < 0)
                return r;
        if (has_name(&l->users, name))
                return LOCAL_USER_NAME;
        r = table_update(&l->groups);
        if (r < 0)
                return r;
        if (has_name(&l->groups, name))
                return LOCAL_GROUP_NAME;
        if (has_number(&l->users, uid))
                return LOCAL_UID;
        if (has_number(&l->groups, uid))
                return LOCAL_UID_AS_GID;
        return has_number(&l->groups, gid) ? LOCAL_GID : LOCAL_NOTHING;
}

int local_files_new(const char *passwd, const char *group, local_files **ret)
{
        local_files *l = calloc(1, sizeof(local_files));

        if (!l)
                return -ENOMEM;
        l->users = (table){ .path = passwd, .next = next_user };
        l->groups = (table){ .path = group, .next = next_group };
        *ret = l;
        return 0;
}

local_files *local_files_free(local_files *l)
{
        if (!l)
                return NULL;
        table_clear(&l->users);
        table_clear(&l->groups);
        free(l);
        return NULL;
}
