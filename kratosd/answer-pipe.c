#include "answer-pipe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/interface.h"
#include "common/names.h"

typedef struct pipe_path {
        char text[sizeof(ANSWERS_DIRECTORY "/") + ID_LENGTH];
} pipe_path;

DEFINE_CLEANUP(DIR *, closedir);

static pipe_path path_of(const char *login)
{
        pipe_path path;

        snprintf(path.text, sizeof(path.text), ANSWERS_DIRECTORY "/%s", login);
        return path;
}

int answer_pipes_prepare(void)
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

/* Lets one user write into a pipe of ours, and nobody else (acl(5)); a file system without access
 * control lists lets everybody who knows the name, which nobody can guess. */
static int let_write(int fd, uid_t uid)
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

        if (fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0)
                return 0;
        return errno == ENOTSUP && fchmod(fd, 0622) == 0 ? 0 : -errno;
}

int answer_pipe_make(const char *login, uid_t uid, int *ret_reader)
{
        pipe_path path = path_of(login);
        _cleanup_close_ int reader = -1;
        int r;

        if (mkfifo(path.text, 0600) < 0)
                return -errno;
        reader = open(path.text, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        r = reader < 0 ? -errno : let_write(reader, uid);
        if (r < 0) {
                answer_pipe_remove(login);
                return r;
        }
        *ret_reader = TAKE_FD(reader);
        return 0;
}

int answer_pipe_read(int reader, secret **ret)
{
        _cleanup_secret_ secret *answer = NULL;
        int r;

        r = secret_new(ANSWER_MAX + 1, &answer);
        if (r < 0)
                return r;
        r = secret_read(answer, reader);
        /* Somebody still holds the other end, and has written nothing. */
        if (r < 0 && r != -EAGAIN)
                return r;
        if (secret_size(answer) > ANSWER_MAX)
                return -E2BIG;
        *ret = TAKE_PTR(answer);
        return 0;
}

void answer_pipe_remove(const char *login)
{
        (void)unlink(path_of(login).text);
}
