#include "local-users.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "names.h"

/* What a list may be at most, in bytes: some 5,000 people. */
#define LIST_MAX (256 * 1024)

/* A line of either file, in bytes without the newline. A longer one counts as malformed. */
#define LINE_LENGTH_MAX 1023

#define BLANK " \t"

/* Plain pread(2), because a local user's login pays for this: no allocation, one buffer. */
typedef struct reader {
        int fd;
        off_t offset;
        size_t next, end;
        char bytes[4096];
} reader;

/* A line without its newline and comment; broken where it was too long or held a NUL, and then cut.
 */
typedef struct line {
        bool broken;
        char text[LINE_LENGTH_MAX + 1];
} line;

/* Reads more bytes: 1 if there are any, 0 at the end of the file, or -errno. */
static int reader_fill(reader *r)
{
        ssize_t n;

        do
                n = pread(r->fd, r->bytes, sizeof(r->bytes), r->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        r->offset += n;
        r->next = 0;
        r->end = (size_t)n;
        return n > 0;
}

/* Reads the next line: 1, or 0 where the file has ended, or -errno. */
static int reader_line(reader *r, line *ret)
{
        size_t length = 0;
        bool any = false, ended = false;

        ret->broken = false;
        while (!ended) {
                const char *from, *newline;
                size_t n, room = LINE_LENGTH_MAX - length;

                if (r->next == r->end) {
                        int more = reader_fill(r);

                        if (more < 0)
                                return more;
                        if (more == 0)
                                break;
                }
                any = true;
                from = r->bytes + r->next;
                newline = memchr(from, '\n', r->end - r->next);
                ended = newline != NULL;
                n = ended ? (size_t)(newline - from) : r->end - r->next;
                r->next += n + ended;

                ret->broken |= n > room || memchr(from, '\0', n);
                n = n > room ? room : n;
                memcpy(ret->text + length, from, n);
                length += n;
        }
        ret->text[length] = '\0';
        return any;
}

/* True where a line of a passwd file is about this name, or would be if it were whole. */
static bool passwd_line_is_of(const line *l, const char *name)
{
        size_t length = strcspn(l->text, ":");

        return l->text[length] && strncmp(l->text, name, length) == 0 && !name[length];
}

/* The uid of a passwd line: its third field, digits only and below (uid_t)-1. */
static int passwd_line_uid(const line *l, uid_t *ret)
{
        const char *field = strchr(l->text, ':');
        unsigned long long uid = 0;
        size_t digits;

        field = field ? strchr(field + 1, ':') : NULL;
        if (!field || l->broken)
                return -EBADMSG;
        field++;
        digits = strspn(field, "0123456789");
        if (digits < 1 || digits > 10 || field[digits] != ':')
                return -EBADMSG;
        for (size_t i = 0; i < digits; i++)
                uid = uid * 10 + (unsigned)(field[i] - '0');
        if (uid >= (uid_t)-1)
                return -EBADMSG;

        *ret = (uid_t)uid;
        return 0;
}

int passwd_find_uid(const char *passwd, const char *name, uid_t *ret)
{
        _cleanup_close_ int fd = open(passwd, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        reader r = { .fd = fd };
        line l;
        int more;

        /* A host without this file is broken, and not one without this user. */
        if (fd < 0)
                return errno == ENOENT ? -ENODATA : -errno;
        if (!*name)
                return -ENOENT;
        /* The first line of a name counts, as it does for the C library. */
        while ((more = reader_line(&r, &l)) > 0)
                if (passwd_line_is_of(&l, name))
                        return passwd_line_uid(&l, ret);
        return more < 0 ? more : -ENOENT;
}

/* Opens a list that only root can have written: 1, or 0 where there is none, or -errno. */
static int list_open(const char *list, int *ret_fd)
{
        _cleanup_close_ int fd = open(list, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        struct stat st;

        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
                return -EPERM;
        if (st.st_size > LIST_MAX)
                return -EFBIG;

        *ret_fd = TAKE_FD(fd);
        return 1;
}

/* The next word of a line, which is cut out of it, or NULL. */
static char *next_word(char **rest)
{
        char *word = *rest + strspn(*rest, BLANK);
        size_t length = strcspn(word, BLANK);

        if (length == 0)
                return NULL;
        *rest = word + length + (word[length] != '\0');
        word[length] = '\0';
        return word;
}

/* Takes a list's line apart, which is altered. *ret_name is the first word, or NULL in a line that
 * has none; also where the line is malformed. Returns NULL, or what is wrong with the line. */
static const char *list_line_parse(line *l, const char **ret_name, local_user *ret)
{
        char *rest = l->text, *name, *identity, *flag;

        l->text[strcspn(l->text, "#")] = '\0';
        *ret_name = name = next_word(&rest);
        if (l->broken)
                return "the line is longer than 1023 bytes or holds a NUL";
        if (!name)
                return NULL;
        if (!user_name_is_valid(name))
                return "the first word is not a user name ([a-z_][a-z0-9_.-]{0,31})";
        if (strcmp(name, "root") == 0)
                return "root can have no identity";
        identity = next_word(&rest);
        if (!identity || (strcmp(identity, "-") != 0 && !uuid_is_valid(identity)))
                return "the second word must be an identity's id (a lower-case UUID) or \"-\"";
        flag = next_word(&rest);
        if (flag && strcmp(flag, "fallback") != 0)
                return "the third word can only be \"fallback\"";
        if (flag && next_word(&rest))
                return "there is a fourth word";

        ret->fallback = flag != NULL;
        ret->identity[0] = '\0';
        if (strcmp(identity, "-") != 0)
                memcpy(ret->identity, identity, UUID_LENGTH + 1);
        return NULL;
}

/* Whether a line's first word is this name. Only such a line is worth taking apart: a list may have
 * thousands, and every login looks into it. */
static bool list_line_is_of(const line *l, const char *name)
{
        const char *word = l->text + strspn(l->text, BLANK);
        size_t length = strlen(name);

        return strncmp(word, name, length) == 0 && strchr(BLANK "#", word[length]);
}

/* Looks a name up in a list: 1 and the output set, or 0, or -errno. */
static int list_find(const char *list, const char *name, local_user *ret)
{
        _cleanup_close_ int fd = -1;
        local_user found = {}, user = {};
        bool listed = false;
        const char *first;
        reader r;
        line l;
        int more;

        more = list_open(list, &fd);
        if (more <= 0)
                return more;
        r = (reader){ .fd = fd };
        while ((more = reader_line(&r, &l)) > 0) {
                if (!list_line_is_of(&l, name))
                        continue;
                if (list_line_parse(&l, &first, &user) || listed)
                        return -EBADMSG;
                listed = true;
                found = user;
        }
        if (more < 0)
                return more;

        if (listed)
                *ret = found;
        return listed;
}

int local_user_find(const char *list, const char *passwd, const char *name, local_user *ret)
{
        local_user user = {};
        uid_t uid = 0;
        int r;

        r = passwd_find_uid(passwd, name, &uid);
        if (r == -ENOENT)
                return LOCAL_USER_ABSENT;
        if (r < 0)
                return r;
        if (uid == 0)
                return LOCAL_USER_UNLISTED;

        r = list_find(list, name, &user);
        if (r < 0)
                return r;
        if (r == 0)
                return LOCAL_USER_UNLISTED;

        user.uid = uid;
        *ret = user;
        return LOCAL_USER_LISTED;
}

/* Names that were seen: a tree, see tsearch(3). */
typedef struct seen_names {
        void *root;
} seen_names;

static void seen_names_done(seen_names *seen)
{
        tdestroy(seen->root, free);
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* True where a name was seen before; from now on it was. -ENOMEM. */
static int see_name(seen_names *seen, const char *name)
{
        _cleanup_free_ char *copy = strdup(name);
        char **node = copy ? tsearch(copy, &seen->root, compare_names) : NULL;

        if (!node)
                return -ENOMEM;
        if (*node != copy)
                return true;
        TAKE_PTR(copy);
        return false;
}

int local_users_check(const char *list, local_users_complaint complain, void *userdata)
{
        _cleanup_(seen_names_done) seen_names seen = {};
        _cleanup_close_ int fd = -1;
        int more, twice, wrong_lines = 0;
        local_user user;
        reader r;
        line l;

        more = list_open(list, &fd);
        if (more <= 0)
                return more;
        r = (reader){ .fd = fd };
        for (unsigned number = 1; (more = reader_line(&r, &l)) > 0; number++) {
                const char *name, *wrong = list_line_parse(&l, &name, &user);

                twice = name ? see_name(&seen, name) : false;
                if (twice < 0)
                        return twice;
                if (!wrong && twice)
                        wrong = "the name stands in a line above already, so neither line counts";
                if (!wrong)
                        continue;
                complain(number, wrong, userdata);
                wrong_lines++;
        }
        return more < 0 ? more : wrong_lines;
}

const char *local_users_describe(int error)
{
        const char *text;

        switch (error) {
        case -EPERM:
                return "not root's own, or others can write it";
        case -EBADMSG:
                return "this user's line is malformed or not the only one";
        default:
                text = strerrordesc_np(-error);
                return text ? text : "unknown error";
        }
}
