#include "answer-pipe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

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

int answer_pipe_make(const char *login, int *ret_reader)
{
        pipe_path path = path_of(login);
        int reader, r;

        if (mkfifo(path.text, 0600) < 0)
                return -errno;
        reader = open(path.text, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (reader >= 0 && fchmod(reader, 0622) == 0) {
                *ret_reader = reader;
                return 0;
        }
        r = -errno;
        closep(&reader);
        answer_pipe_remove(login);
        return r;
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
