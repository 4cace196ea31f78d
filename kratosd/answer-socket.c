#include "answer-socket.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "common/interface.h"
#include "common/names.h"
#include "prod.h"

typedef struct socket_path {
        char text[sizeof(ANSWERS_DIRECTORY "/") + ID_LENGTH];
} socket_path;

DEFINE_CLEANUP(DIR *, closedir);

static socket_path path_of(const char *login)
{
        socket_path path;

        snprintf(path.text, sizeof(path.text), ANSWERS_DIRECTORY "/%s", login);
        return path;
}

int answer_sockets_prepare(void)
{
        _cleanup_(closedirp) DIR *directory = NULL;
        struct dirent *entry;

        if (mkdir(ANSWERS_DIRECTORY, 0711) < 0 && errno != EEXIST)
                return -errno;
        /* Whatever the umask is: who knows a name may use it, and nobody may look for one. */
        if (chmod(ANSWERS_DIRECTORY, 0711) < 0)
                return -errno;
        directory = opendir(ANSWERS_DIRECTORY);
        if (!directory)
                return -errno;
        while ((entry = readdir(directory)))
                if (id_is_valid(entry->d_name))
                        (void)unlinkat(dirfd(directory), entry->d_name, 0);
        return 0;
}

/* Lets one user send to a socket of ours, and nobody else (acl(5)); a file system without access
 * control lists lets everybody who knows the name, which nobody can guess. */
static int let_send(const char *path, uid_t uid)
{
        const struct {
                struct posix_acl_xattr_header header;
                struct posix_acl_xattr_entry entries[5];
        } acl = {
                .header = { POSIX_ACL_XATTR_VERSION },
                .entries = { { ACL_USER_OBJ, ACL_READ | ACL_WRITE, (__u32)ACL_UNDEFINED_ID },
                        { ACL_USER, ACL_WRITE, uid }, { ACL_GROUP_OBJ, 0, (__u32)ACL_UNDEFINED_ID },
                        { ACL_MASK, ACL_WRITE, (__u32)ACL_UNDEFINED_ID },
                        { ACL_OTHER, 0, (__u32)ACL_UNDEFINED_ID } },
        };

        if (setxattr(path, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
                return 0;
        return errno == ENOTSUP && chmod(path, 0622) == 0 ? 0 : -errno;
}

int answer_socket_make(const char *login, uid_t uid, int *ret_fd)
{
        socket_path path = path_of(login);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        prod_refuse_descriptors(fd);
        memcpy(address.sun_path, path.text, sizeof(path.text));
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        r = let_send(path.text, uid);
        if (r < 0) {
                (void)unlink(path.text);
                return r;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int answer_socket_read(int fd, secret **ret)
{
        _cleanup_secret_ secret *answer = NULL;
        int r;

        r = secret_new(ANSWER_MAX + 1, &answer);
        if (r < 0)
                return r;
        prod_begin();
        r = secret_read(answer, fd);
        prod_end();
        if (r < 0 && r != -EAGAIN)
                return r;
        if (secret_size(answer) > ANSWER_MAX)
                return -E2BIG;
        *ret = TAKE_PTR(answer);
        return 0;
}

void answer_socket_remove(const char *login, int fd)
{
        if (fd < 0)
                return;
        (void)unlink(path_of(login).text);
        prod_begin();
        close(fd);
        prod_end();
}
