/*
 * look-ups KIND TIMES FOLDER…
 *
 * Looks up, through NSS, what stands in the lines of its input, one after the other and from the
 * start again: TIMES of each kind, by turns with each FOLDER in the place of the providers'
 * sockets, /run/systemd/userdb, so that what is compared is compared at the same moment by the same
 * process. Prints a line of as many times in microseconds, for each turn.
 *
 * KIND is one of
 *   user, unknown     getpwnam of a name that is, or that is not, somebody's, by nss-systemd alone
 *   uid               getpwuid, likewise
 *   local             getpwnam as /etc/nsswitch.conf has it
 *   groups            initgroups (getgrouplist), likewise
 *   id                a new process: id NAME
 */
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define PROVIDERS "/run/systemd/userdb"
#define FOLDERS_MAX 4
#define WORDS_MAX 4096
#define WORD_MAX 64
#define GROUPS_MAX 256

static bool look_up_user(const char *name)
{
        return getpwnam(name) != NULL;
}

static bool look_up_nobody(const char *name)
{
        return getpwnam(name) == NULL;
}

static bool look_up_uid(const char *number)
{
        return getpwuid((uid_t)strtoul(number, NULL, 10)) != NULL;
}

static bool look_up_groups(const char *name)
{
        gid_t groups[GROUPS_MAX];
        int count = GROUPS_MAX;

        return getgrouplist(name, 1, groups, &count) > 0;
}

static bool run_id(const char *name)
{
        char *argv[] = { (char *)"id", (char *)name, NULL };
        char *environment[] = { (char *)"LANG=C.UTF-8", NULL };
        posix_spawn_file_actions_t actions;
        int status;
        pid_t pid;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        return posix_spawn(&pid, "/usr/bin/id", &actions, NULL, argv, environment) == 0 &&
               waitpid(pid, &status, 0) == pid && status == 0;
}

typedef struct kind {
        const char *name;
        bool (*look_up)(const char *word);
        bool alone; /* without /etc/passwd, which would take its part of what is compared */
} kind;

static const kind kinds[] = {
        { "user", look_up_user, true },
        { "unknown", look_up_nobody, true },
        { "uid", look_up_uid, true },
        { "local", look_up_user, false },
        { "groups", look_up_groups, false },
        { "id", run_id, false },
};

static const kind *find_kind(const char *name)
{
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (strcmp(kinds[i].name, name) == 0)
                        return &kinds[i];
        fprintf(stderr, "%s: no kind of look-up\n", name);
        exit(2);
}

static void fail(const char *what)
{
        perror(what);
        exit(1);
}

/* A mount namespace in which a folder is where the providers are. */
static int make_place(const char *folder)
{
        int here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), there;

        if (here < 0 || unshare(CLONE_NEWNS) < 0 ||
                mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                mount(folder, PROVIDERS, NULL, MS_BIND, NULL) < 0)
                fail(folder);
        there = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        if (there < 0 || setns(here, CLONE_NEWNS) < 0)
                fail(folder);
        close(here);
        return there;
}

static size_t read_words(char words[static WORDS_MAX][WORD_MAX])
{
        size_t n = 0;

        while (n < WORDS_MAX && fgets(words[n], WORD_MAX, stdin)) {
                words[n][strcspn(words[n], "\n")] = 0;
                n++;
        }
        return n;
}

static double measure(const kind *what, int place, const char *word)
{
        double begun;

        if (setns(place, CLONE_NEWNS) < 0)
                fail("setns");
        begun = now_us();
        if (!what->look_up(word)) {
                fprintf(stderr, "%s: the answer for %s is wrong\n", what->name, word);
                exit(1);
        }
        return now_us() - begun;
}

int main(int argc, char **argv)
{
        static char words[WORDS_MAX][WORD_MAX];
        int places[FOLDERS_MAX], n_places = argc - 3;
        const kind *what;
        unsigned long times;
        size_t n_words;

        if (n_places < 1 || n_places > FOLDERS_MAX)
                return 2;
        what = find_kind(argv[1]);
        times = strtoul(argv[2], NULL, 10);
        n_words = read_words(words);
        if (n_words == 0)
                return 2;
        for (int i = 0; i < n_places; i++)
                places[i] = make_place(argv[3 + i]);
        if (what->alone)
                __nss_configure_lookup("passwd", "systemd");
        for (unsigned long i = 0; i <= times; i++) {
                double took[FOLDERS_MAX];

                /* Whose turn is first changes. */
                for (int j = 0; j < n_places; j++) {
                        int turn = (int)((i + (unsigned long)j) % (unsigned long)n_places);

                        took[turn] = measure(what, places[turn], words[i % n_words]);
                }
                /* The first loads what stays loaded. */
                for (int j = 0; i > 0 && j < n_places; j++)
                        printf("%.1f%c", took[j], j + 1 < n_places ? ' ' : '\n');
        }
        return 0;
}
