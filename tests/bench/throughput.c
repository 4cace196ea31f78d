/*
 * throughput pam SERVICE WARM PREFIX CLIENTS PASSWORD EACH
 * throughput raw URL     WARM PREFIX CLIENTS PASSWORD EACH
 *
 * So many clients at once, each a thread that logs the user PREFIX00 and so on in EACH times, one
 * login after the other; through PAM with a transaction for each login, or raw on one kept-alive
 * connection for each client. Before the clock starts, each client has logged the user WARM00 and
 * so on in. Prints the successful logins per second, and how many failed. The sessions are ended
 * after the clock has stopped, on both sides.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "common/cleanup.h"
#include "person.h"
#include "raw.h"

typedef struct bench {
        bool raw;
        const char *where, *password; /* where: the service, or the URL */
        unsigned each;
        pthread_barrier_t started, ended;
} bench;

typedef struct client {
        bench *bench;
        pthread_t thread;
        char *warm, *user;
        raw *raw;
        person *people; /* of each login, the one before the clock starts included */
        char **tokens;  /* likewise; NULL for a login that failed */
        unsigned failed;
} client;

static bool log_in(client *c, unsigned i)
{
        person *p = &c->people[i];
        const char *user = i == 0 ? c->warm : c->user;

        if (c->bench->raw)
                return raw_take_flow(c->raw) && raw_submit(c->raw, user, c->bench->password) &&
                       (c->tokens[i] = strdup(raw_token(c->raw)));
        *p = (person){ .user = user, .password = c->bench->password };
        if (person_begin(p, c->bench->where) && person_authenticate(p))
                return true;
        person_end(p);
        return false;
}

static void end(client *c, unsigned i)
{
        if (c->tokens[i])
                raw_logout(c->raw, c->tokens[i]);
        if (c->people[i].handle)
                person_visit(&c->people[i]);
        person_end(&c->people[i]);
}

static void *run(void *userdata)
{
        client *c = userdata;

        log_in(c, 0);
        pthread_barrier_wait(&c->bench->started);
        for (unsigned i = 1; i <= c->bench->each; i++)
                c->failed += !log_in(c, i);
        pthread_barrier_wait(&c->bench->ended);
        for (unsigned i = 0; i <= c->bench->each; i++)
                end(c, i);
        return NULL;
}

static void client_start(client *c, bench *b, const char *warm, const char *prefix, unsigned number)
{
        *c = (client){ .bench = b };
        if (asprintf(&c->warm, "%s%02u", warm, number) < 0 ||
                asprintf(&c->user, "%s%02u", prefix, number) < 0)
                abort();
        c->people = calloc(b->each + 1, sizeof(person));
        c->tokens = calloc(b->each + 1, sizeof(char *));
        if (b->raw)
                c->raw = raw_new(b->where);
        if (!c->people || !c->tokens || pthread_create(&c->thread, NULL, run, c) != 0)
                abort();
}

static unsigned client_join(client *c)
{
        pthread_join(c->thread, NULL);
        raw_free(c->raw);
        for (unsigned i = 0; i <= c->bench->each; i++)
                free(c->tokens[i]);
        free(c->tokens);
        free(c->people);
        free(c->warm);
        free(c->user);
        return c->failed;
}

int main(int argc, char **argv)
{
        _cleanup_free_ client *clients = NULL;
        unsigned count, failed = 0;
        double begun, took;
        bench b;

        if (argc != 8)
                return 2;
        b = (bench){ .raw = strcmp(argv[1], "raw") == 0,
                .where = argv[2],
                .password = argv[6],
                .each = (unsigned)strtoul(argv[7], NULL, 10) };
        count = (unsigned)strtoul(argv[5], NULL, 10);
        clients = calloc(count, sizeof(client));
        if (!clients)
                return 1;
        pthread_barrier_init(&b.started, NULL, count + 1);
        pthread_barrier_init(&b.ended, NULL, count + 1);
        for (unsigned i = 0; i < count; i++)
                client_start(&clients[i], &b, argv[3], argv[4], i);
        pthread_barrier_wait(&b.started);
        begun = now_us();
        pthread_barrier_wait(&b.ended);
        took = now_us() - begun;
        for (unsigned i = 0; i < count; i++)
                failed += client_join(&clients[i]);
        printf("%.2f %u\n", (double)(count * b.each - failed) * 1e6 / took, failed);
        return 0;
}
