#include "varlink-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "prod.h"

struct varlink_listener {
        int fd;
        char *path; /* of the file that we bound, else NULL */
        dev_t device;
        ino_t inode;
};

/* Makes the folders above a path that are missing. */
static int make_folders(const char *path)
{
        _cleanup_free_ char *folder = strdup(path);

        if (!folder)
                return -ENOMEM;
        for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdir(folder, 0755) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

/* A hidden name beside the path: who looks for providers in the folder passes it over. */
static int hidden_name(const char *path, struct sockaddr_un *ret)
{
        const char *name = strrchr(path, '/') + 1;
        int length = snprintf(ret->sun_path, sizeof(ret->sun_path), "%.*s.%s.new",
                (int)(name - path), path, name);

        if (length < 0 || (size_t)length >= sizeof(ret->sun_path))
                return -ENAMETOOLONG;
        ret->sun_family = AF_UNIX;
        return 0;
}

/* The socket gets its name only when it is whole: nobody meets one that is not open to all yet, or
 * does not listen. */
static int bind_path(varlink_listener *l, const char *path)
{
        struct sockaddr_un address = { 0 };
        struct stat st;
        int r;

        r = hidden_name(path, &address);
        if (r < 0)
                return r;
        l->path = strdup(path);
        if (!l->path)
                return -ENOMEM;
        l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (l->fd < 0)
                return -errno;
        prod_refuse_descriptors(l->fd); /* nobody has one to send here */
        if (unlink(address.sun_path) < 0 && errno != ENOENT)
                return -errno;
        if (bind(l->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        if (chmod(address.sun_path, 0666) < 0 || listen(l->fd, SOMAXCONN) < 0 ||
                lstat(address.sun_path, &st) < 0 || rename(address.sun_path, path) < 0) {
                r = -errno;
                unlink(address.sun_path);
                return r;
        }
        l->device = st.st_dev;
        l->inode = st.st_ino;
        return 0;
}

int varlink_listener_new(const char *path, varlink_listener **ret)
{
        _cleanup_listener_ varlink_listener *l = NULL;
        int r = varlink_listener_take(-1, &l);

        if (r == 0)
                r = make_folders(path);
        if (r == 0)
                r = bind_path(l, path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

int varlink_listener_take(int fd, varlink_listener **ret)
{
        varlink_listener *l;

        if (fd >= 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
                return -errno;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->fd = fd;
        *ret = l;
        return 0;
}

/* The path may be another daemon's by now. */
static void remove_file(const varlink_listener *l)
{
        struct stat st;

        if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
                (void)unlink(l->path);
}

varlink_listener *varlink_listener_free(varlink_listener *l)
{
        if (!l)
                return NULL;
        remove_file(l);
        prod_begin(); /* who was not accepted yet may have sent something */
        closep(&l->fd);
        prod_end();
        free(l->path);
        free(l);
        return NULL;
}

int varlink_listener_fd(const varlink_listener *l)
{
        return l->fd;
}
