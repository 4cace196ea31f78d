#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "interface.h"

struct secret {
        size_t mapped;
        size_t capacity;
        size_t size;
        char data[];
};

int secret_new(size_t capacity, secret **ret)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE), need, mapped;
        struct secret *s;

        if (__builtin_add_overflow(capacity, sizeof(struct secret) + 1, &need) ||
                __builtin_add_overflow(need, page - 1, &mapped))
                return -ENOMEM;
        mapped -= mapped % page;

        s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (s == MAP_FAILED)
                return -ENOMEM;
        /* Each of these three is a second line of defence: a kernel or a limit that refuses one (a
         * small RLIMIT_MEMLOCK, say) must not keep anybody from logging in. */
        (void)madvise(s, mapped, MADV_DONTDUMP);
        (void)madvise(s, mapped, MADV_WIPEONFORK);
        (void)mlock2(s, mapped, MLOCK_ONFAULT);

        s->mapped = mapped;
        s->capacity = capacity;
        *ret = s;
        return 0;
}

secret *secret_free(secret *s)
{
        if (!s)
                return NULL;

        size_t mapped = s->mapped;

        /* Zero in a forked child, where WIPEONFORK has erased the page and its header with it: the
         * mapping then stays until the child ends, for its length is not known any more. */
        if (mapped) {
                explicit_bzero(s, sizeof(struct secret) + s->size + 1);
                munmap(s, mapped);
        }
        return NULL;
}

const char *secret_data(const secret *s)
{
        return s->data;
}

size_t secret_size(const secret *s)
{
        return s->size;
}

int secret_append(secret *s, const void *bytes, size_t size)
{
        if (size > s->capacity - s->size)
                return -ENOBUFS;
        if (size)
                memcpy(s->data + s->size, bytes, size);
        s->size += size;
        s->data[s->size] = '\0';
        return 0;
}

int secret_append_string(secret *s, const char *string)
{
        return secret_append(s, string, strlen(string));
}

int secret_read(secret *s, int fd)
{
        ssize_t n;

        do
                n = read(fd, s->data + s->size, s->capacity - s->size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        s->size += (size_t)n;
        s->data[s->size] = '\0';
        return 0;
}

int secret_copy(const secret *s, secret **ret)
{
        _cleanup_secret_ secret *copy = NULL;
        int r;

        r = secret_new(s->size, &copy);
        if (r == 0)
                r = secret_append(copy, s->data, s->size);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

/* Writes all of it, however often a write is cut short. */
static int write_all(int fd, const char *bytes, size_t size)
{
        while (size > 0) {
                ssize_t n = write(fd, bytes, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                bytes += n;
                size -= (size_t)n;
        }
        return 0;
}

int secret_to_memfd(const void *bytes, size_t size, int *ret_fd)
{
        _cleanup_close_ int fd = -1;
        int r;

        if (size > ANSWER_MAX)
                return -E2BIG;

        fd = memfd_create("answer", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        r = write_all(fd, bytes, size);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

int secret_from_memfd(int fd, secret **ret)
{
        static const int wanted = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE;
        _cleanup_secret_ secret *s = NULL;
        struct stat st;
        int seals, r;

        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0)
                return -EBADF;
        if ((seals & wanted) != wanted)
                return -EPERM;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_size < 0 || st.st_size > ANSWER_MAX)
                return -E2BIG;

        r = secret_new(ANSWER_MAX, &s);
        if (r < 0)
                return r;
        while (s->size < (size_t)st.st_size) {
                ssize_t n =
                        pread(fd, s->data + s->size, (size_t)st.st_size - s->size, (off_t)s->size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                s->size += (size_t)n;
        }
        s->data[s->size] = '\0';

        *ret = TAKE_PTR(s);
        return 0;
}
