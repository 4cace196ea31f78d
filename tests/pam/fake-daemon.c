/*
 * An imitation of kratosd that answers each method as a script says, rightly or wrongly, and writes
 * a line of what it was asked: fake-daemon [SCRIPT [NAME…]]
 *
 * A script's line is a method and what to do, parted by tabs; each call of the method takes the
 * next line about it, and the last one stays:
 *
 *   METHOD reply VALUE…      METHOD error NAME TEXT [WORDS]      METHOD hang | stop | exit |
 * disconnect
 *
 * Before what to do may stand "after" and a number of milliseconds.
 *
 * A VALUE is s=TEXT, s*N (N times "x"), b=0, u=5, h=KIND of descriptor, or { KEY VALUE … } for
 * a{sv}. In TEXT and WORDS, \n and \xNN stand for such a byte. The lifelines are FIFOs in the
 * current directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

#include "interface.h"

#define LINES_MAX 256
#define WORDS_MAX 64

typedef struct script_line {
        char *words[WORDS_MAX + 1];
        bool used;
} script_line;

static script_line script[LINES_MAX];
static int lines;
static int fifos;
static int answers = -1;

static void die(const char *what)
{
        fprintf(stderr, "fake-daemon: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void read_script(const char *path)
{
        FILE *f = fopen(path, "re");
        char *line = NULL;
        size_t size = 0;

        if (!f)
                die(path);
        while (lines < LINES_MAX && getline(&line, &size, f) > 0) {
                char *rest = strdup(line);

                rest[strcspn(rest, "\n")] = '\0';
                for (int i = 0; rest && i < WORDS_MAX; i++)
                        script[lines].words[i] = strsep(&rest, "\t");
                lines++;
        }
        free(line);
        fclose(f);
}

/* The next unused line about a method, or else the last one, or NULL. */
static char **next_line(const char *method)
{
        char **last = NULL;

        for (int i = 0; i < lines; i++) {
                if (strcmp(script[i].words[0], method) != 0)
                        continue;
                last = script[i].words;
                if (!script[i].used) {
                        script[i].used = true;
                        break;
                }
        }
        return last;
}

/* Replaces \n and \xNN by the bytes for which they stand. */
static char *unescape(const char *text)
{
        char *all = strdup(text), *to = all;

        for (const char *from = text; *from; from++)
                if (strncmp(from, "\\n", 2) == 0) {
                        *to++ = '\n';
                        from++;
                } else if (strncmp(from, "\\x", 2) == 0) {
                        char digits[3] = { from[2], from[3], '\0' };

                        *to++ = (char)strtoul(digits, NULL, 16);
                        from += 3;
                } else
                        *to++ = *from;
        *to = '\0';
        return all;
}

/* The write end of a new FIFO, whose read end stays open here. */
static int fifo(int flags)
{
        char name[64];

        snprintf(name, sizeof(name), "fifo-%d-%d", getpid(), fifos++);
        if (mkfifo(name, 0600) < 0 || open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC) < 0)
                die(name);
        return open(name, flags | O_NONBLOCK | O_CLOEXEC);
}

static int descriptor(const char *kind)
{
        int fds[2];

        if (strcmp(kind, "fifo") == 0)
                return fifo(O_WRONLY);
        if (strcmp(kind, "fifo-read") == 0)
                return fifo(O_RDONLY);
        if (strcmp(kind, "fifo-both") == 0)
                return fifo(O_RDWR);
        if (strcmp(kind, "fifo-path") == 0)
                return fifo(O_PATH);
        if (strcmp(kind, "null") == 0)
                return open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (strcmp(kind, "folder") == 0)
                return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (strcmp(kind, "memfd") == 0)
                return memfd_create("fake", MFD_CLOEXEC);
        if (strcmp(kind, "socket") == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0)
                return fds[0];
        die(kind);
        return -1;
}

static int append_value(sd_bus_message *m, const char *value, bool variant)
{
        char type[2] = { value[0], '\0' };
        char *text = unescape(value + 2);
        int r = variant ? sd_bus_message_open_container(m, 'v', type) : 0;

        if (r >= 0 && value[1] == '*') {
                char *many = calloc(1, strtoul(text, NULL, 10) + 1);

                memset(many, 'x', strtoul(text, NULL, 10));
                r = sd_bus_message_append(m, "s", many);
                free(many);
        } else if (r >= 0 && (value[0] == 's' || value[0] == 'o' || value[0] == 'g'))
                r = sd_bus_message_append(m, type, text);
        else if (r >= 0 && value[0] == 'h') {
                int fd = descriptor(text);

                r = sd_bus_message_append(m, type, fd);
                close(fd);
        } else if (r >= 0 && value[0] == 'y')
                r = sd_bus_message_append(m, type, (int)strtoul(text, NULL, 10));
        else if (r >= 0 && (value[0] == 't' || value[0] == 'x'))
                r = sd_bus_message_append(m, type, strtoull(text, NULL, 10));
        else if (r >= 0)
                r = sd_bus_message_append(m, type, (unsigned)strtoul(text, NULL, 10));
        if (r >= 0 && variant)
                r = sd_bus_message_close_container(m);
        free(text);
        return r;
}

/* Appends the entries of a{sv} up to the closing brace, of which it returns the place. */
static char **append_entries(sd_bus_message *m, char **word, int *r)
{
        *r = sd_bus_message_open_container(m, 'a', "{sv}");
        for (; *r >= 0 && *word && strcmp(*word, "}") != 0; word += 2) {
                if ((*r = sd_bus_message_open_container(m, 'e', "sv")) < 0 ||
                        (*r = sd_bus_message_append(m, "s", word[0])) < 0 ||
                        (*r = append_value(m, word[1], true)) < 0)
                        break;
                *r = sd_bus_message_close_container(m);
        }
        if (*r >= 0)
                *r = sd_bus_message_close_container(m);
        return word;
}

static int reply(sd_bus_message *call, char **words)
{
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_return(call, &m);

        for (char **word = words; r >= 0 && *word; word++)
                if (strcmp(*word, "{") == 0)
                        word = append_entries(m, word + 1, &r);
                else
                        r = append_value(m, *word, false);
        if (r >= 0)
                r = sd_bus_send(NULL, m, NULL);
        sd_bus_message_unref(m);
        return r;
}

static int reply_error(sd_bus_message *call, const char *name, const char *text, const char *words)
{
        char *message = unescape(text), *further = words ? unescape(words) : NULL;
        sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(name, message);
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_error(call, &m, &error);

        if (r >= 0 && further)
                r = sd_bus_message_append(m, "s", further);
        if (r >= 0)
                r = sd_bus_send(NULL, m, NULL);
        sd_bus_message_unref(m);
        free(further);
        free(message);
        return r;
}

/* Tells of a secret: what it says, how long it is, and whether it is sealed. */
static void tell_secret(int fd)
{
        char text[ANSWER_MAX + 2] = "";
        struct stat st = {};
        int seals = fcntl(fd, F_GET_SEALS);
        int wanted = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE;

        fstat(fd, &st);
        if (pread(fd, text, sizeof(text) - 1, 0) < 0)
                die("pread");
        printf(" secret=%s size=%ld %s", st.st_size > 40 ? "…" : text, (long)st.st_size,
                (seals & wanted) == wanted ? "sealed" : "not sealed");
}

/* Makes a person's login its answer socket, which stays open here. */
static void make_socket(const char *login)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), ANSWERS_DIRECTORY "/%s", login);
        unlink(address.sun_path);
        answers = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (answers < 0 || bind(answers, (struct sockaddr *)&address, sizeof(address)) < 0 ||
                chmod(address.sun_path, 0622) < 0)
                die(address.sun_path);
}

static void tell_sent(void)
{
        char text[ANSWER_MAX + 2] = "";
        ssize_t size = read(answers, text, sizeof(text) - 1);

        printf(" secret=%s size=%zd by socket", size > 40 ? "…" : text, size);
}

static void tell_arguments(sd_bus_message *m)
{
        const char *contents, *text, *value;
        char type;
        int fd;

        while (sd_bus_message_peek_type(m, &type, &contents) > 0)
                if (type == 's' && sd_bus_message_read(m, "s", &text) > 0)
                        printf(" %s", text);
                else if (type == 'h' && sd_bus_message_read(m, "h", &fd) > 0)
                        tell_secret(fd);
                else if (type == 'a' && sd_bus_message_enter_container(m, 'a', "{sv}") > 0) {
                        while (sd_bus_message_read(m, "{sv}", &text, "s", &value) > 0)
                                printf(" %s=%s", text, value);
                        sd_bus_message_exit_container(m);
                } else
                        die("an argument of another type");
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *method = sd_bus_message_get_member(m);
        char **line;

        (void)userdata;
        (void)error;
        if (!sd_bus_message_is_method_call(m, NULL, NULL))
                return 0;
        printf("%s", method);
        tell_arguments(m);
        if (strcmp(method, "Answer") == 0 && sd_bus_message_has_signature(m, "s"))
                tell_sent();
        putchar('\n');
        fflush(stdout);

        line = next_line(method);
        if (!line)
                return sd_bus_reply_method_errorf(m, "org.kratosd1.Error.Failed", "no such line");
        if (strcmp(line[1], "after") == 0) {
                usleep((unsigned)strtoul(line[2], NULL, 10) * 1000);
                line += 2;
        }
        if (strcmp(method, "BeginLogin") == 0 && strcmp(line[1], "reply") == 0 && line[2] &&
                strncmp(line[2], "s=", 2) == 0 &&
                strcmp(sd_bus_message_get_interface(m), USER_INTERFACE) == 0)
                make_socket(line[2] + 2);
        if (strcmp(line[1], "reply") == 0)
                return reply(m, line + 2);
        if (strcmp(line[1], "error") == 0)
                return reply_error(m, line[2], line[3] ? line[3] : "", line[3] ? line[4] : NULL);
        if (strcmp(line[1], "exit") == 0)
                _exit(0);
        if (strcmp(line[1], "stop") == 0)
                raise(SIGSTOP);
        if (strcmp(line[1], "disconnect") == 0)
                sd_bus_close(sd_bus_message_get_bus(m));
        return 1;
}

int main(int argc, char **argv)
{
        static char *names[] = { (char *)MANAGER_NAME, (char *)USER_NAME, NULL };
        char **name = argc > 2 ? argv + 2 : names;
        sd_bus *bus = NULL;
        int r;

        if (argc > 1)
                read_script(argv[1]);
        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_add_filter(bus, NULL, on_message, NULL);
        for (; r >= 0 && *name; name++)
                r = sd_bus_request_name(bus, *name, 0);
        if (r >= 0)
                printf("ready\n");
        fflush(stdout);
        while (r >= 0) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r == -ENOTCONN)
                        pause();
        }
        errno = -r;
        die("bus");
}
