/*
 * login-pairs LOGIN_ONCE URL SERVICE PREFIX USERS PASSWORD TYPING_MS PAIRS [CODE]
 *
 * Logs in through PAM, by the program LOGIN_ONCE, and raw, by turns, so that whatever else the
 * machine does meets both alike; each turn starts with the other one. The users are PREFIX00 and so
 * on. Prints a line of four times in microseconds for each pair: through PAM without the typing,
 * and from the end of the typing; raw both calls, and the second alone. With a code, which is each
 * user's second factor, raw are four calls, and all but the first.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "common/cleanup.h"
#include "once.h"
#include "raw.h"

/* Between two logins: the session of the one before is revoked meanwhile. */
#define PAUSE_MS 30

typedef struct bench {
        char *program, *service, *password, *typing, *code;
        unsigned typing_ms;
        raw *raw;
} bench;

static bool log_in_by_pam(const bench *b, char *user, once_times *ret)
{
        char *argv[] = { b->program, b->service, user, b->password, b->typing, b->code, NULL };

        return once_run(argv, ret);
}

static bool log_in_raw(const bench *b, const char *user, once_times *ret)
{
        double begun = now_us(), entered, ended, typed = 0;

        if (!raw_take_flow(b->raw))
                return false;
        entered = now_us();
        if (b->typing_ms) {
                sleep_ms(b->typing_ms);
                typed = now_us() - entered;
                entered += typed;
        }
        if (!raw_submit(b->raw, user, b->password) ||
                (b->code && !raw_submit_code(b->raw, b->code)))
                return false;
        ended = now_us();
        ret->whole = ended - begun - typed;
        ret->entered = ended - entered;
        return raw_logout(b->raw, raw_token(b->raw));
}

static bool pair(const bench *b, char *user, bool raw_first)
{
        once_times by_pam = { 0 }, by_raw = { 0 };

        for (int turn = 0; turn < 2; turn++) {
                bool good = (turn == 0) == raw_first ? log_in_raw(b, user, &by_raw)
                                                     : log_in_by_pam(b, user, &by_pam);

                if (!good) {
                        fprintf(stderr, "login-pairs: no login of %s %s\n", user,
                                (turn == 0) == raw_first ? "raw" : "through PAM");
                        return false;
                }
                sleep_ms(PAUSE_MS);
        }
        printf("%.1f %.1f %.1f %.1f\n", by_pam.whole, by_pam.entered, by_raw.whole, by_raw.entered);
        return true;
}

int main(int argc, char **argv)
{
        unsigned long users, pairs;
        bench b;

        if (argc != 9 && argc != 10)
                return 2;
        b = (bench){ .program = argv[1],
                .service = argv[3],
                .password = argv[6],
                .typing = argv[7],
                .code = argv[9],
                .typing_ms = (unsigned)strtoul(argv[7], NULL, 10),
                .raw = raw_new(argv[2]) };
        users = strtoul(argv[5], NULL, 10);
        pairs = strtoul(argv[8], NULL, 10);
        for (unsigned long i = 0; i < pairs; i++) {
                _cleanup_free_ char *user = NULL;

                if (asprintf(&user, "%s%02lu", argv[4], i % users) < 0 ||
                        !pair(&b, user, i % 2 == 1))
                        return 1;
        }
        raw_free(b.raw);
        return 0;
}
