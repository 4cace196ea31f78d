/*
 * sudo-pairs LOGIN_ONCE URL SERVICE PREFIX USERS PASSWORD PAIRS SCRIPT
 *
 * Renews the sessions of people who are logged in, through PAM by the program LOGIN_ONCE, as sudo
 * does, and raw, by turns, each turn starting with the other one. The users are PREFIX00 and so on;
 * each has a session of either kind, which this program opens. SCRIPT is what logind's stand-in
 * reads: in it this program leads the session of whoever it is whose turn it is. Prints a line of
 * two times in microseconds for each pair: through PAM, and raw both calls.
 */
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "common/cleanup.h"
#include "once.h"
#include "person.h"
#include "raw.h"

#define USERS_MAX 100
#define NAME_SIZE 32
#define TOKEN_SIZE 128
#define PAUSE_MS 10

typedef struct seat {
        char user[NAME_SIZE];
        person person;
        char token[TOKEN_SIZE];
        unsigned uid;
} seat;

typedef struct bench {
        char *program, *service, *password;
        const char *script;
        raw *raw;
        seat seats[USERS_MAX];
} bench;

static bool sit_down(const bench *b, seat *s)
{
        struct passwd *entry = getpwnam(s->user);

        if (!entry)
                return false;
        s->uid = entry->pw_uid;
        s->person = (person){ .user = s->user, .password = b->password };
        if (!person_begin(&s->person, b->service) || !person_authenticate(&s->person) ||
                pam_open_session(s->person.handle, 0) != PAM_SUCCESS)
                return false;
        if (!raw_take_flow(b->raw) || !raw_submit(b->raw, s->user, b->password))
                return false;
        return snprintf(s->token, sizeof(s->token), "%s", raw_token(b->raw)) > 0;
}

static void stand_up(const bench *b, seat *s)
{
        (void)pam_close_session(s->person.handle, 0);
        person_end(&s->person);
        (void)raw_logout(b->raw, s->token);
}

static bool place(const bench *b, const seat *s)
{
        _cleanup_fclose_ FILE *f = fopen(b->script, "we");

        return f && fprintf(f, "%d %d %u %.0f active\n", getpid(), getpid(), s->uid, now_us()) > 0;
}

static bool renew_by_pam(const bench *b, seat *s, double *ret)
{
        char *argv[] = { b->program, b->service, s->user, b->password, "0", NULL };
        once_times times;

        if (!once_run(argv, &times))
                return false;
        *ret = times.whole;
        return true;
}

static bool renew_raw(const bench *b, const seat *s, double *ret)
{
        double begun = now_us();

        if (!raw_renew(b->raw, s->token, s->user, b->password))
                return false;
        *ret = now_us() - begun;
        return strcmp(raw_token(b->raw), s->token) == 0;
}

static bool pair(const bench *b, seat *s, bool raw_first)
{
        double by_pam = 0, by_raw = 0;

        if (!place(b, s))
                return false;
        for (int turn = 0; turn < 2; turn++) {
                bool good = (turn == 0) == raw_first ? renew_raw(b, s, &by_raw)
                                                     : renew_by_pam(b, s, &by_pam);

                if (!good) {
                        fprintf(stderr, "sudo-pairs: no renewal of %s\n", s->user);
                        return false;
                }
                sleep_ms(PAUSE_MS);
        }
        printf("%.1f %.1f\n", by_pam, by_raw);
        return true;
}

int main(int argc, char **argv)
{
        static bench b;
        unsigned long users, pairs;

        if (argc != 9)
                return 2;
        b.program = argv[1];
        b.service = argv[3];
        b.password = argv[6];
        b.script = argv[8];
        b.raw = raw_new(argv[2]);
        users = strtoul(argv[5], NULL, 10);
        pairs = strtoul(argv[7], NULL, 10);
        if (users > USERS_MAX)
                return 2;
        for (unsigned long i = 0; i < users; i++) {
                snprintf(b.seats[i].user, NAME_SIZE, "%s%02lu", argv[4], i);
                if (!sit_down(&b, b.seats + i)) {
                        fprintf(stderr, "sudo-pairs: no session of %s\n", b.seats[i].user);
                        return 1;
                }
        }
        for (unsigned long i = 0; i < pairs; i++)
                if (!pair(&b, b.seats + i % users, i % 2 == 1))
                        return 1;
        for (unsigned long i = 0; i < users; i++)
                stand_up(&b, b.seats + i);
        raw_free(b.raw);
        return 0;
}
