/* Threads that look up people and groups all at once, for so many seconds, and compare what they
 * get with what they got first: stress SECONDS NAME… Names that begin with "no-" must be nobody's.
 * Prints the number of look-ups. */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 16
#define NAMES_MAX 64
#define GROUPS_MAX 64
#define BUFFER_SIZE 16384

typedef struct person {
        const char *name;
        bool exists;
        uid_t uid;
        gid_t gid;
        int n_groups;
} person;

static person people[NAMES_MAX];
static int n_people;
static time_t end;
static atomic_ulong lookups;

static bool find(const char *name, struct passwd *user, char *buffer)
{
        struct passwd *found = NULL;
        int r = getpwnam_r(name, user, buffer, BUFFER_SIZE, &found);

        if (r != 0 && r != ENOENT && r != ESRCH) {
                fprintf(stderr, "%s: %s\n", name, strerror(r));
                exit(1);
        }
        return found;
}

static int count_groups(const char *name, gid_t gid)
{
        gid_t groups[GROUPS_MAX];
        int n = GROUPS_MAX;

        return getgrouplist(name, gid, groups, &n) < 0 ? -1 : n;
}

static void wrong(const person *p, const char *what)
{
        fprintf(stderr, "%s: %s\n", p->name, what);
        exit(1);
}

static void check(const person *p)
{
        struct passwd user, *found = NULL;
        char buffer[BUFFER_SIZE];

        if (find(p->name, &user, buffer) != p->exists)
                wrong(p, "exists, or does not");
        if (!p->exists)
                return;
        if (user.pw_uid != p->uid || user.pw_gid != p->gid || strcmp(user.pw_name, p->name) != 0)
                wrong(p, "somebody else");
        if (getpwuid_r(p->uid, &user, buffer, BUFFER_SIZE, &found) != 0 || !found ||
                strcmp(user.pw_name, p->name) != 0)
                wrong(p, "not found by number");
        if (count_groups(p->name, p->gid) != p->n_groups)
                wrong(p, "other groups");
}

static void *work(void *start)
{
        for (int i = (int)(long)start; time(NULL) < end; i++) {
                check(&people[i % n_people]);
                atomic_fetch_add(&lookups, 1);
        }
        return NULL;
}

int main(int argc, char **argv)
{
        pthread_t threads[THREADS];
        char buffer[BUFFER_SIZE];
        struct passwd user;

        end = time(NULL) + strtol(argv[1], NULL, 10);
        for (int i = 2; i < argc && n_people < NAMES_MAX; i++) {
                person *p = &people[n_people++];

                p->name = argv[i];
                p->exists = find(p->name, &user, buffer);
                if (p->exists == (strncmp(p->name, "no-", 3) == 0))
                        wrong(p, "exists, or does not, at first");
                if (!p->exists)
                        continue;
                p->uid = user.pw_uid;
                p->gid = user.pw_gid;
                p->n_groups = count_groups(p->name, p->gid);
        }
        for (long i = 0; i < THREADS; i++)
                if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
                        return 1;
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        printf("%lu\n", atomic_load(&lookups));
        return 0;
}
