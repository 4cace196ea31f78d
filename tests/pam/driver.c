/*
 * A program that uses PAM as it is told, line by line on its standard input, and tells what comes
 * of it, line by line on its standard output. A prompt takes the next line of input, which must be
 * an answer.
 *
 *   start SERVICE USER     a new handle ("-": no user)           end | end-silent
 *   set ITEM VALUE         user, tty, rhost, ruser, service, xdisplay, authtok
 *   authenticate | acct_mgmt | open_session | close_session      [silent] [null]
 *   setcred [delete | refresh | reinitialize] [silent]
 *   locale                 as login programs do, for the environment
 *   timed                  from now on each result is followed by its milliseconds
 *   environment | putenv X | fifos | descriptors | libraries | seteuid N | nofile N
 *   mark                   a system call that a trace can be searched for
 *   no-memory N            the N-th allocation from now on fails, where no-memory.so is loaded;
 * tells how many there were since the last such line fork                   a child does what
 * follows, until its "exit N"; the parent waits for it threads N              N threads at once log
 * in, each with a handle of its own
 *
 *   answer TEXT            answer-repeat N C       answer-null          answer-fail CODE
 *   answer-exit N          answer-kill             answer-as USER TEXT (sets PAM_USER first)
 */
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <security/pam_appl.h>

/* Of no-memory.c. */
extern long no_memory(long at) __attribute__((weak));

static pam_handle_t *handle;
static bool timed;

static const char *const codes[] = { "SUCCESS", "OPEN_ERR", "SYMBOL_ERR", "SERVICE_ERR",
        "SYSTEM_ERR", "BUF_ERR", "PERM_DENIED", "AUTH_ERR", "CRED_INSUFFICIENT", "AUTHINFO_UNAVAIL",
        "USER_UNKNOWN", "MAXTRIES", "NEW_AUTHTOK_REQD", "ACCT_EXPIRED", "SESSION_ERR",
        "CRED_UNAVAIL", "CRED_EXPIRED", "CRED_ERR", "NO_MODULE_DATA", "CONV_ERR", "AUTHTOK_ERR",
        "AUTHTOK_RECOVERY_ERR", "AUTHTOK_LOCK_BUSY", "AUTHTOK_DISABLE_AGING", "TRY_AGAIN", "IGNORE",
        "ABORT", "AUTHTOK_EXPIRED", "MODULE_UNKNOWN", "BAD_ITEM", "CONV_AGAIN", "INCOMPLETE" };

static const char *code_name(int code)
{
        return code >= 0 && (size_t)code < sizeof(codes) / sizeof(codes[0]) ? codes[code] : "?";
}

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        vprintf(format, arguments);
        va_end(arguments);
        putchar('\n');
        fflush(stdout);
}

/* Byte by byte, so that a forked child can take over where its parent has stopped. */
static bool read_line(char *line, size_t size)
{
        size_t length = 0;

        while (length + 1 < size) {
                char c;

                if (read(STDIN_FILENO, &c, 1) != 1)
                        return false;
                if (c == '\n')
                        break;
                line[length++] = c;
        }
        line[length] = '\0';
        return true;
}

static char *repeat(size_t n, char c)
{
        char *text = malloc(n + 1);

        memset(text, c, n);
        text[n] = '\0';
        return text;
}

/* Does what a line says in answer to a prompt. */
static int answer(char *line, char **ret)
{
        char *argument = strchr(line, ' ');

        argument = argument ? argument + 1 : line + strlen(line);
        if (strncmp(line, "answer ", 7) == 0 || strcmp(line, "answer") == 0)
                *ret = strdup(argument);
        else if (strncmp(line, "answer-repeat ", 14) == 0)
                *ret = repeat(strtoul(argument, NULL, 10), line[strlen(line) - 1]);
        else if (strcmp(line, "answer-null") == 0)
                *ret = NULL;
        else if (strncmp(line, "answer-fail ", 12) == 0)
                return (int)strtol(argument, NULL, 10);
        else if (strncmp(line, "answer-exit ", 12) == 0)
                _exit((int)strtol(argument, NULL, 10));
        else if (strcmp(line, "answer-kill") == 0)
                kill(getpid(), SIGKILL);
        else if (strncmp(line, "answer-as ", 10) == 0) {
                char *text = strchr(argument, ' ');

                *text = '\0';
                pam_set_item(handle, PAM_USER, argument);
                *ret = strdup(text + 1);
        } else {
                say("not an answer: %s", line);
                return PAM_CONV_ERR;
        }
        return PAM_SUCCESS;
}

static int converse(
        int n, const struct pam_message **messages, struct pam_response **ret, void *data)
{
        static const char *const styles[] = { "?", "hidden", "shown", "error", "info" };
        struct pam_response *responses = calloc((size_t)n, sizeof(*responses));
        char line[8192];
        int r = PAM_SUCCESS;

        (void)data;
        if (!responses)
                return PAM_BUF_ERR;
        for (int i = 0; i < n && r == PAM_SUCCESS; i++) {
                int style = messages[i]->msg_style;

                say("%s: %s", style > 0 && style < 5 ? styles[style] : "?", messages[i]->msg);
                if (style != PAM_PROMPT_ECHO_OFF && style != PAM_PROMPT_ECHO_ON)
                        continue;
                r = read_line(line, sizeof(line)) ? answer(line, &responses[i].resp) : PAM_CONV_ERR;
        }
        if (r != PAM_SUCCESS) {
                free(responses);
                return r;
        }
        *ret = responses;
        return PAM_SUCCESS;
}

static void fail_delay(int status, unsigned usec, void *data)
{
        (void)data;
        if (status != PAM_SUCCESS && usec > 0)
                say("delay: %s", usec >= 1000000 && usec <= 3000000 ? "about 2 s" : "odd");
}

static void start(const char *service, const char *user)
{
        static const struct pam_conv conv = { .conv = converse };
        int r = pam_start(service, strcmp(user, "-") == 0 ? NULL : user, &conv, &handle);

        if (r != PAM_SUCCESS)
                say("start: %s", code_name(r));
        else
                pam_set_item(handle, PAM_FAIL_DELAY, (const void *)fail_delay);
}

static void set(const char *item, const char *value)
{
        static const struct {
                const char *name;
                int item;
        } items[] = { { "user", PAM_USER }, { "tty", PAM_TTY }, { "rhost", PAM_RHOST },
                { "ruser", PAM_RUSER }, { "service", PAM_SERVICE }, { "xdisplay", PAM_XDISPLAY } };

        for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
                if (strcmp(items[i].name, item) == 0)
                        pam_set_item(handle, items[i].item, value);
}

static long milliseconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Makes the call of PAM that a line names. Returns false where it names none. */
static bool call(const char *name, const char *arguments)
{
        static const struct {
                const char *name;
                int (*function)(pam_handle_t *, int);
        } calls[] = { { "authenticate", pam_authenticate }, { "acct_mgmt", pam_acct_mgmt },
                { "setcred", pam_setcred }, { "open_session", pam_open_session },
                { "close_session", pam_close_session } };
        unsigned flags = (strstr(arguments, "silent") ? PAM_SILENT : 0U) |
                         (strstr(arguments, "null") ? PAM_DISALLOW_NULL_AUTHTOK : 0U) |
                         (strstr(arguments, "delete") ? PAM_DELETE_CRED : 0U) |
                         (strstr(arguments, "refresh") ? PAM_REFRESH_CRED : 0U) |
                         (strstr(arguments, "reinitialize") ? PAM_REINITIALIZE_CRED : 0U);

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                char spent[32] = "";
                long begun = milliseconds();
                int r;

                if (strcmp(calls[i].name, name) != 0)
                        continue;
                r = calls[i].function(handle, (int)flags);
                if (timed)
                        snprintf(spent, sizeof(spent), " %ld", milliseconds() - begun);
                say("%s: %s%s", name, code_name(r), spent);
                return true;
        }
        return false;
}

static void tell_environment(void)
{
        char **all = pam_getenvlist(handle);

        for (char **one = all; one && *one; one++) {
                say("environment: %s", *one);
                free(*one);
        }
        free(all);
}

/* How many descriptors are open, and how many of them are FIFOs of fake-daemon. */
static void tell_descriptors(bool only_fifos)
{
        int all = 0, fifos = 0, inherited = 0;
        DIR *folder = opendir("/proc/self/fd");
        struct dirent *entry;

        while (folder && (entry = readdir(folder))) {
                char target[256] = "";

                if (readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1) < 0)
                        continue;
                all++;
                if (!strstr(target, "fifo-"))
                        continue;
                fifos++;
                inherited += !(fcntl((int)strtol(entry->d_name, NULL, 10), F_GETFD) & FD_CLOEXEC);
        }
        if (folder)
                closedir(folder);
        if (only_fifos)
                say("fifos: %d%s", fifos, inherited ? ", inherited" : "");
        else
                say("descriptors: %d", all);
}

static void tell_libraries(void)
{
        static const char *const names[] = { "pam_kratos.so", "client.so", "libsystemd" };
        char maps[1 << 17] = "";
        FILE *f = fopen("/proc/self/maps", "re");

        if (f) {
                maps[fread(maps, 1, sizeof(maps) - 1, f)] = '\0';
                fclose(f);
        }
        printf("libraries:");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strstr(maps, names[i]))
                        printf(" %s", names[i]);
        putchar('\n');
        fflush(stdout);
}

static int answer_right(
        int n, const struct pam_message **messages, struct pam_response **ret, void *data)
{
        *ret = calloc((size_t)n, sizeof(**ret));
        for (int i = 0; i < n; i++)
                if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
                        (*ret)[i].resp = strdup("right");
        (void)data;
        return PAM_SUCCESS;
}

static void *log_in(void *data)
{
        static const struct pam_conv conv = { .conv = answer_right };
        pam_handle_t *mine = NULL;
        int *result = data;

        *result = pam_start("driver", "alice", &conv, &mine);
        if (*result == PAM_SUCCESS)
                *result = pam_authenticate(mine, 0);
        if (*result == PAM_SUCCESS)
                *result = pam_acct_mgmt(mine, 0);
        if (*result == PAM_SUCCESS)
                *result = pam_open_session(mine, 0);
        if (*result == PAM_SUCCESS)
                *result = pam_close_session(mine, 0);
        pam_end(mine, *result);
        return NULL;
}

static void threads(unsigned n)
{
        pthread_t ids[64];
        int results[64];

        for (unsigned i = 0; i < n && i < 64; i++)
                pthread_create(&ids[i], NULL, log_in, &results[i]);
        for (unsigned i = 0; i < n && i < 64; i++) {
                pthread_join(ids[i], NULL);
                say("thread: %s", code_name(results[i]));
        }
}

/* Forks. The child goes on in the caller; the parent waits for it, and then goes on as well. */
static void divide(void)
{
        pid_t child = fork();
        int status;

        if (child <= 0)
                return;
        waitpid(child, &status, 0);
        say("child: %s %d", WIFEXITED(status) ? "exit" : "signal",
                WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void limit_files(unsigned long n)
{
        struct rlimit limit = { n, n };

        setrlimit(RLIMIT_NOFILE, &limit);
}

int main(void)
{
        char line[8192];

        while (read_line(line, sizeof(line))) {
                char *first = strchr(line, ' '), *second;

                first = first ? (*first = '\0', first + 1) : line + strlen(line);
                if (strncmp(line, "answer", 6) == 0)
                        say("not asked: %s %s", line, first);
                else if (strcmp(line, "start") == 0) {
                        second = strchr(first, ' ');
                        *second = '\0';
                        start(first, second + 1);
                } else if (strcmp(line, "set") == 0) {
                        second = strchr(first, ' ');
                        *second = '\0';
                        set(first, second + 1);
                } else if (strcmp(line, "end") == 0)
                        pam_end(handle, PAM_SUCCESS);
                else if (strcmp(line, "end-silent") == 0)
                        pam_end(handle, PAM_SUCCESS | PAM_DATA_SILENT);
                else if (strcmp(line, "locale") == 0)
                        (void)!setlocale(LC_ALL, "");
                else if (strcmp(line, "timed") == 0)
                        timed = true;
                else if (strcmp(line, "environment") == 0)
                        tell_environment();
                else if (strcmp(line, "putenv") == 0)
                        pam_putenv(handle, first);
                else if (strcmp(line, "fifos") == 0)
                        tell_descriptors(true);
                else if (strcmp(line, "descriptors") == 0)
                        tell_descriptors(false);
                else if (strcmp(line, "libraries") == 0)
                        tell_libraries();
                else if (strcmp(line, "mark") == 0)
                        (void)!access("/mark", F_OK);
                else if (strcmp(line, "no-memory") == 0) {
                        /* glibc 2.36 aborts where its name service cannot be set up. */
                        (void)!getpwnam("nobody-here");
                        long n = no_memory ? no_memory(strtol(first, NULL, 10)) : -1;

                        say("allocations: %ld", n);
                } else if (strcmp(line, "seteuid") == 0)
                        (void)!seteuid((uid_t)strtoul(first, NULL, 10));
                else if (strcmp(line, "nofile") == 0)
                        limit_files(strtoul(first, NULL, 10));
                else if (strcmp(line, "threads") == 0)
                        threads((unsigned)strtoul(first, NULL, 10));
                else if (strcmp(line, "fork") == 0)
                        divide();
                else if (strcmp(line, "exit") == 0)
                        _exit((int)strtol(first, NULL, 10));
                else if (!call(line, first))
                        say("no such command: %s", line);
        }
        return 0;
}
