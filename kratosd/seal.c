#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "environment.h"

_Static_assert(SEAL_KEY_SIZE == crypto_secretbox_KEYBYTES, "the key is secretbox's");

struct sealer {
        secret *key;
};

/* Reads exactly a key's worth of bytes. */
static int read_key(int fd, secret **ret)
{
        _cleanup_secret_ secret *key = NULL;
        unsigned char bytes[SEAL_KEY_SIZE + 1];
        ssize_t n = read(fd, bytes, sizeof(bytes));
        int r = n < 0 ? -errno : n != SEAL_KEY_SIZE ? -EBADMSG : 0;

        if (r == 0)
                r = secret_new(SEAL_KEY_SIZE, &key);
        if (r == 0)
                r = secret_append(key, bytes, SEAL_KEY_SIZE);
        explicit_bzero(bytes, sizeof(bytes));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(key);
        return 0;
}

static int read_credential(secret **ret)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = environment_credential(SEAL_CREDENTIAL, &path);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        return read_key(fd, ret);
}

/* Writes a new key beside its place and moves it there, so that no half of one is ever found. */
static int make_key(int directory)
{
        static const char part[] = SEAL_KEY_FILE ".part";
        unsigned char bytes[SEAL_KEY_SIZE];
        _cleanup_close_ int fd = -1;
        ssize_t n;

        (void)unlinkat(directory, part, 0);
        fd = openat(directory, part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        randombytes_buf(bytes, sizeof(bytes));
        n = write(fd, bytes, sizeof(bytes));
        explicit_bzero(bytes, sizeof(bytes));
        if (n < 0)
                return -errno;
        if (n != (ssize_t)sizeof(bytes))
                return -ENOSPC;
        if (fsync(fd) < 0 || renameat(directory, part, directory, SEAL_KEY_FILE) < 0 ||
                fsync(directory) < 0)
                return -errno;
        return 0;
}

static int read_file_key(const char *path, secret **ret)
{
        _cleanup_close_ int directory = -1, fd = -1;
        int r;

        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return -errno;
        fd = openat(directory, SEAL_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno == ENOENT) {
                r = make_key(directory);
                if (r < 0)
                        return r;
                fd = openat(directory, SEAL_KEY_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        }
        if (fd < 0)
                return -errno;
        return read_key(fd, ret);
}

/* Not a key, whenever it is read. */
static bool is_no_key(int error)
{
        return error == -EBADMSG || error == -EISDIR || error == -ELOOP;
}

int sealer_new(const char *directory, sealer **ret)
{
        _cleanup_(sealer_freep) sealer *s = calloc(1, sizeof(sealer));
        int r;

        if (!s || sodium_init() < 0)
                return -ENOMEM;
        r = read_credential(&s->key);
        if (is_no_key(r))
                return SEALER_BAD_CREDENTIAL;
        if (r == -ENOENT)
                r = read_file_key(directory, &s->key);
        if (is_no_key(r))
                return SEALER_BAD_FILE;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

sealer *sealer_free(sealer *s)
{
        if (!s)
                return NULL;
        secret_free(s->key);
        free(s);
        return NULL;
}

/* The nonce stands first, then the box. */
int seal(const sealer *s, const secret *token, unsigned char ret[static TOKEN_SEALED_MAX],
        size_t *ret_size)
{
        size_t size = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + secret_size(token);

        if (size > TOKEN_SEALED_MAX)
                return -E2BIG;
        randombytes_buf(ret, crypto_secretbox_NONCEBYTES);
        crypto_secretbox_easy(ret + crypto_secretbox_NONCEBYTES,
                (const unsigned char *)secret_data(token), secret_size(token), ret,
                (const unsigned char *)secret_data(s->key));
        *ret_size = size;
        return 0;
}

int unseal(const sealer *s, const unsigned char *sealed, size_t size, secret **ret)
{
        static const size_t frame = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
        unsigned char bytes[TOKEN_SEALED_MAX];
        _cleanup_secret_ secret *token = NULL;
        int r;

        if (size < frame || size > TOKEN_SEALED_MAX)
                return -EBADMSG;
        if (crypto_secretbox_open_easy(bytes, sealed + crypto_secretbox_NONCEBYTES,
                    size - crypto_secretbox_NONCEBYTES, sealed,
                    (const unsigned char *)secret_data(s->key)) != 0)
                return -EBADMSG;
        r = secret_new(size - frame, &token);
        if (r == 0)
                r = secret_append(token, bytes, size - frame);
        explicit_bzero(bytes, sizeof(bytes));
        if (r < 0)
                return r;
        *ret = TAKE_PTR(token);
        return 0;
}

void hash_login(const char *login, unsigned char ret[static LOGIN_HASH_SIZE])
{
        crypto_generichash(
                ret, LOGIN_HASH_SIZE, (const unsigned char *)login, strlen(login), NULL, 0);
}

void hash_secret(const sealer *s, const char *identity, const secret *value,
        unsigned char ret[static SECRET_HASH_SIZE])
{
        crypto_generichash_state state;

        crypto_generichash_init(&state, (const unsigned char *)secret_data(s->key),
                secret_size(s->key), SECRET_HASH_SIZE);
        /* With its NUL, so that the two cannot be told apart in another place. */
        crypto_generichash_update(&state, (const unsigned char *)identity, strlen(identity) + 1);
        crypto_generichash_update(
                &state, (const unsigned char *)secret_data(value), secret_size(value));
        crypto_generichash_final(&state, ret, SECRET_HASH_SIZE);
        sodium_memzero(&state, sizeof(state));
}

uint64_t hash_text(const char *text)
{
        unsigned char bytes[crypto_generichash_BYTES];
        uint64_t number = 0;

        crypto_generichash(
                bytes, sizeof(bytes), (const unsigned char *)text, strlen(text), NULL, 0);
        for (size_t i = 0; i < sizeof(number); i++)
                number = number << 8 | bytes[i];
        return number;
}

void make_id(char ret[static ID_LENGTH + 1])
{
        unsigned char bytes[ID_LENGTH / 2];

        randombytes_buf(bytes, sizeof(bytes));
        sodium_bin2hex(ret, ID_LENGTH + 1, bytes, sizeof(bytes));
}

unsigned random_below(unsigned limit)
{
        return randombytes_uniform(limit);
}
