#include "ssh-keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>

#include "common/names.h"
#include "json.h"
#include "userdb.h"

/* sshd waits without limit; the daemon's own answer takes LookupTimeoutSec= at most, 5 s. */
#define PATIENCE_SEC 8

/* What an answer may be: a document's keys and what JSON adds. */
#define ANSWER_SIZE_MAX (1024 * 1024)

static int dial(int *ret_fd)
{
        static const struct sockaddr_un address = { .sun_family = AF_UNIX,
                .sun_path = USERDB_SOCKET };
        static const struct timeval patience = { .tv_sec = PATIENCE_SEC };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
                setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
                connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Reads up to the NUL that ends an answer. */
static int receive(int fd, char *answer, size_t *ret_size)
{
        for (size_t size = 0; size < ANSWER_SIZE_MAX;) {
                ssize_t n = recv(fd, answer + size, ANSWER_SIZE_MAX - size, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ECONNRESET;
                size += (size_t)n;
                if (answer[size - 1] == '\0') {
                        *ret_size = size - 1;
                        return 0;
                }
        }
        return -EMSGSIZE;
}

static int print_keys(const char *answer, size_t size)
{
        static const json_limits limits = { .depth = 16, .values = 4096 };
        _cleanup_json_ json_object *reply = NULL;
        json_object *keys;
        int r = json_read_object(answer, size, &limits, &reply);

        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        keys = json_at(reply, "/parameters/record/privileged/sshAuthorizedKeys");
        if (!json_object_is_type(keys, json_type_array))
                return 0;
        for (size_t i = 0; i < json_object_array_length(keys); i++) {
                const char *key = json_text(json_object_array_get_idx(keys, i));

                if (key && puts(key) < 0)
                        return -EIO;
        }
        return 0;
}

static int ask(const char *name)
{
        _cleanup_free_ char *answer = malloc(ANSWER_SIZE_MAX);
        char call[sizeof(USERDB_CALL) + USER_NAME_MAX];
        _cleanup_close_ int fd = -1;
        size_t size;
        int r;

        if (!answer)
                return -ENOMEM;
        r = dial(&fd);
        if (r < 0)
                return r;
        size = (size_t)snprintf(call, sizeof(call), USERDB_CALL, name) + 1;
        if (send(fd, call, size, MSG_NOSIGNAL) != (ssize_t)size)
                return -EIO;
        r = receive(fd, answer, &size);
        return r < 0 ? r : print_keys(answer, size);
}

int command_ssh_keys(const char *name)
{
        int r;

        if (!user_name_is_valid(name))
                return EX_OK; /* nobody of ours */
        r = ask(name);
        if (r < 0)
                fprintf(stderr, "kratosd: the keys of %s cannot be had: %s\n", name, strerror(-r));
        return r < 0 ? EX_UNAVAILABLE : EX_OK;
}
