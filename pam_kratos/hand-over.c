#include "hand-over.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "interface.h"
#include "local-users.h"
#include "secret.h"

static int open_pipe(const char *login, int *ret_fd)
{
        char path[sizeof(ANSWERS_DIRECTORY "/") + ID_LENGTH];
        _cleanup_close_ int fd = -1;
        struct stat st;
        uid_t uid;
        int r;

        snprintf(path, sizeof(path), ANSWERS_DIRECTORY "/%s", login);
        fd = open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return errno == ENXIO ? -ENOENT : -errno;
        r = passwd_find_uid(PASSWD_FILE, DAEMON_USER, &uid);
        if (r < 0)
                return r == -ENOENT ? -EPERM : r;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISFIFO(st.st_mode) || st.st_uid != uid)
                return -EPERM;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int write_whole(int fd, const secret *s)
{
        ssize_t n;

        do
                n = write(fd, secret_data(s), secret_size(s));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EPIPE ? -ENOENT : -errno;
        return (size_t)n == secret_size(s) ? 0 : -EIO;
}

/* A reader that goes away meanwhile must not kill the program: the SIGPIPE that we cause is ours to
 * take back, and no other. */
static int write_quietly(int fd, const secret *s)
{
        static const struct timespec now = {};
        sigset_t set, old, pending;
        bool was_pending;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        r = pthread_sigmask(SIG_BLOCK, &set, &old);
        if (r != 0)
                return -r;
        was_pending = sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
        r = write_whole(fd, s);
        if (r == -ENOENT && !was_pending)
                (void)sigtimedwait(&set, NULL, &now);
        (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
        return r;
}

int hand_over(const char *login, int secret_fd)
{
        _cleanup_secret_ secret *s = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = open_pipe(login, &fd);
        if (r < 0)
                return r;
        r = secret_from_memfd(secret_fd, &s);
        if (r < 0 || secret_size(s) == 0)
                return r;
        return write_quietly(fd, s);
}
