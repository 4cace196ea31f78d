#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "environment.h"
#include "log.h"

#define TOKEN_NAME "kratosd.admin-token"
#define KEY_NAME "kratosd.client-key"

/* By what one file is known from another, or from itself when it has changed. */
typedef struct mark {
        bool exists;
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec modified;
        struct timespec changed;
} mark;

struct credentials {
        char *token_path; /* NULL where systemd gave us no credentials */
        char *key_path;   /* likewise */
        secret *token;
        mark token_mark;
        mark key_mark;
        mark certificate_mark;
};

static mark mark_of(const struct stat *st)
{
        return (mark){ .exists = true,
                .device = st->st_dev,
                .inode = st->st_ino,
                .size = st->st_size,
                .modified = st->st_mtim,
                .changed = st->st_ctim };
}

static bool same_time(struct timespec a, struct timespec b)
{
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_same(const mark *a, const mark *b)
{
        return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
               a->size == b->size && same_time(a->modified, b->modified) &&
               same_time(a->changed, b->changed);
}

/* True if a file is not the one that it was. NULL stands for none. */
static bool look(const char *path, mark *known)
{
        mark seen = { 0 };
        struct stat st;

        if (path && stat(path, &st) == 0)
                seen = mark_of(&st);
        if (is_same(&seen, known))
                return false;
        *known = seen;
        return true;
}

/* token68 of RFC 9110 §11.2: nothing else may enter a header. (rule 29) */
static bool is_token(const char *bytes, size_t size)
{
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-._~+/";

        while (size > 0 && bytes[size - 1] == '=')
                size--;
        if (size == 0)
                return false;
        for (size_t i = 0; i < size; i++)
                if (!bytes[i] || !strchr(allowed, bytes[i]))
                        return false;
        return true;
}

/* Takes what a file holds: a token, and at most one line end behind it. */
static int take_token(const char *bytes, size_t size, secret **ret)
{
        _cleanup_secret_ secret *token = NULL;
        int r;

        if (size > 0 && bytes[size - 1] == '\n')
                size--;
        if (size > ADMIN_TOKEN_MAX || !is_token(bytes, size))
                return -EBADMSG;
        r = secret_new(size, &token);
        if (r == 0)
                r = secret_append(token, bytes, size);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(token);
        return 0;
}

/* Reads a token. What has been read is marked by the open file, in case that another takes its
 * place. */
static int read_token(const char *path, mark *ret_mark, secret **ret)
{
        char bytes[ADMIN_TOKEN_MAX + 2]; /* a line end, and one to tell that it is too long */
        _cleanup_close_ int fd = -1;
        struct stat st;
        ssize_t n;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;
        n = read(fd, bytes, sizeof(bytes));
        r = n < 0 ? -errno : take_token(bytes, (size_t)n, ret);
        explicit_bzero(bytes, sizeof(bytes));
        if (r == 0)
                *ret_mark = mark_of(&st);
        return r;
}

static void use_token(credentials *c, secret *token)
{
        secret_free(c->token);
        c->token = token;
}

/* A token that would never be sent is a mistake in the configuration, and likely to be looked for
 * elsewhere. */
static void tell_of_plain_http(const config *conf)
{
        for (size_t i = 0; i < conf->admin.count; i++)
                if (!conf->admin.urls[i].socket &&
                        strncmp(conf->admin.urls[i].base, "http:", strlen("http:")) == 0)
                        log_message(LOG_WARNING,
                                TOKEN_NAME " is not sent to AdminURL=%s: plain http shows it",
                                conf->admin.urls[i].base);
}

static bool refresh_token(credentials *c, const config *conf)
{
        secret *token = NULL;
        int r;

        if (!look(c->token_path, &c->token_mark))
                return false;
        if (!c->token_mark.exists) {
                use_token(c, NULL);
                return true;
        }
        r = read_token(c->token_path, &c->token_mark, &token);
        if (r < 0) {
                log_message(LOG_ERR, "The credential " TOKEN_NAME " cannot be taken: %s",
                        r == -EBADMSG ? "a line of at most 4096 letters, digits and -._~+/ is "
                                        "wanted, with = only at its end"
                                      : strerror(-r));
                return false;
        }
        use_token(c, token);
        tell_of_plain_http(conf);
        return true;
}

static bool refresh_key(credentials *c, const config *conf)
{
        const char *key = credentials_key(c, conf), *holder = key ?: conf->client_certificate;
        bool other_certificate = look(conf->client_certificate, &c->certificate_mark);
        bool other_key = look(key, &c->key_mark);
        struct stat st;

        if (!other_certificate && !other_key)
                return false;
        if (holder && stat(holder, &st) == 0 && (st.st_mode & S_IROTH))
                log_message(
                        LOG_WARNING, "%s holds a private key, and everybody can read it", holder);
        return true;
}

bool credentials_refresh(credentials *c, const config *conf)
{
        bool token = refresh_token(c, conf), key = refresh_key(c, conf);

        return token || key;
}

void credentials_forget(credentials *c)
{
        c->token_mark = c->key_mark = c->certificate_mark = (mark){ 0 };
}

const secret *credentials_token(const credentials *c)
{
        return c->token;
}

const char *credentials_key(const credentials *c, const config *conf)
{
        if (conf->client_key || !conf->client_certificate)
                return conf->client_key;
        return c->key_path && access(c->key_path, F_OK) == 0 ? c->key_path : NULL;
}

/* No credentials at all are fine. */
static int find(const char *name, char **ret)
{
        int r = environment_credential(name, ret);

        return r == -ENOENT ? 0 : r;
}

int credentials_new(credentials **ret)
{
        _cleanup_(credentials_freep) credentials *c = calloc(1, sizeof(credentials));
        int r;

        if (!c)
                return -ENOMEM;
        r = find(TOKEN_NAME, &c->token_path);
        if (r == 0)
                r = find(KEY_NAME, &c->key_path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

credentials *credentials_free(credentials *c)
{
        if (!c)
                return NULL;
        free(c->token_path);
        free(c->key_path);
        secret_free(c->token);
        free(c);
        return NULL;
}
