#include "hand-over.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "interface.h"
#include "local-users.h"
#include "secret.h"

/* Fails unless a path is a socket of kratosd's. Nobody else can put one into that directory. */
static int check_socket(const char *path)
{
        struct stat st;
        uid_t uid;
        int r;

        if (lstat(path, &st) < 0)
                return -errno;
        r = passwd_find_uid(PASSWD_FILE, DAEMON_USER, &uid);
        if (r < 0)
                return r == -ENOENT ? -EPERM : r;
        return S_ISSOCK(st.st_mode) && st.st_uid == uid ? 0 : -EPERM;
}

static int send_whole(const struct sockaddr_un *address, const secret *s)
{
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = sendto(fd, secret_data(s), secret_size(s), MSG_DONTWAIT | MSG_NOSIGNAL,
                        (const struct sockaddr *)address, sizeof(*address));
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == ECONNREFUSED ? -ENOENT : -errno;
        return (size_t)n == secret_size(s) ? 0 : -EIO;
}

int hand_over(const char *login, int secret_fd)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_secret_ secret *s = NULL;
        int r;

        snprintf(address.sun_path, sizeof(address.sun_path), ANSWERS_DIRECTORY "/%s", login);
        r = check_socket(address.sun_path);
        if (r < 0)
                return r;
        r = secret_from_memfd(secret_fd, &s);
        if (r < 0 || secret_size(s) == 0)
                return r;
        return send_whole(&address, s);
}
