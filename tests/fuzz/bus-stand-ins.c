#include "bus-stand-ins.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/interface.h"
#include "kratosd/account-check.h"
#include "kratosd/adoption.h"
#include "kratosd/answer-socket.h"
#include "kratosd/kratos.h"
#include "kratosd/lifeline.h"
#include "kratosd/log.h"
#include "kratosd/revoker.h"
#include "kratosd/throttle.h"
#include "kratosd/timespan.h"
#include "kratosd/verdict.h"

sd_event *event;
unsigned grants, changes, tries, mails;
bool hurry;

static const uint8_t *input;
static size_t input_left;

void require(bool truth)
{
        if (!truth)
                abort();
}

void input_begin(const uint8_t *data, size_t size)
{
        input = data;
        input_left = size;
        grants = changes = mails = 0;
        hurry = false;
        kratos_forget();
        rows_forget();
        require(tries == 0);
}

bool input_is_over(void)
{
        return input_left == 0;
}

unsigned take(unsigned limit)
{
        if (input_left == 0)
                return 0;
        input_left--;
        return *input++ % limit;
}

/* The throttle: mostly lets everybody through. Each try is settled once, and each mail allowed. */

struct throttle_try {
        unsigned unused;
};

int throttle_admit(throttle *t, enum throttle_kind kind, const throttle_origin *from,
        uint64_t *ret_wait_usec, throttle_try **ret)
{
        unsigned answer = take(16);

        (void)t;
        require(kind == THROTTLE_FIRST_FACTOR || kind == THROTTLE_SECOND_FACTOR);
        require(user_name_is_valid(from->user));
        if (answer == 14)
                *ret_wait_usec = 1;
        if (answer >= 14)
                return answer == 14 ? THROTTLE_WAIT : THROTTLE_BUSY;
        *ret = calloc(1, sizeof(throttle_try));
        require(*ret);
        tries++;
        return 0;
}

throttle_try *throttle_drop(throttle_try *attempt)
{
        tries -= attempt != NULL;
        free(attempt);
        return NULL;
}

throttle_try *throttle_failed(throttle_try *attempt)
{
        return throttle_drop(attempt);
}

void throttle_succeeded(throttle *t, const throttle_origin *from)
{
        (void)t;
        require(user_name_is_valid(from->user));
}

int throttle_mail(throttle *t, const throttle_origin *from, uint64_t *ret_wait_usec)
{
        (void)t;
        require(user_name_is_valid(from->user));
        if (take(8) == 7) {
                *ret_wait_usec = 1;
                return THROTTLE_WAIT;
        }
        mails++;
        return 0;
}

bool throttle_mails_unasked(throttle *t, const throttle_origin *from)
{
        (void)t;
        (void)from;
        return false;
}

void throttle_note_unasked_mail(throttle *t, const throttle_origin *from, bool mailed)
{
        (void)t;
        (void)from;
        (void)mailed;
}

void throttle_sentence(const char *what, uint64_t wait_usec, char words[static PROMPT_TEXT_MAX + 1])
{
        require(*what && wait_usec == 1);
        snprintf(words, PROMPT_TEXT_MAX + 1, "Later.");
}

/* Accounts: alice and bob. */

int account_find(accounts *a, const char *name, local_user *ret)
{
        (void)a;
        if (!user_name_is_valid(name) || (strcmp(name, "alice") != 0 && strcmp(name, "bob") != 0))
                return VERDICT_UNKNOWN_USER;
        *ret = (local_user){ .uid = name[0] == 'a' ? 1000 : 1001, .identity = UUID };
        return 0;
}

int account_identity(
        accounts *a, const char *name, const local_user *account, char ret[static UUID_LENGTH + 1])
{
        (void)a;
        (void)name;
        memcpy(ret, account->identity, UUID_LENGTH + 1);
        return 0;
}

int account_accept(
        accounts *a, const char *name, const kratos_login *login, const char **ret_reason)
{
        (void)a;
        (void)name;
        *ret_reason = "wrong-identity";
        return strcmp(UUID, login->identity) == 0 ? 0 : VERDICT_NOT_ALLOWED;
}

/* A name that is not known: the answer comes from the loop, or there is none. */

struct lookup {
        lookup_done done;
        void *userdata;
        sd_event_source *timer;
};

static int on_lookup(sd_event_source *source, uint64_t usec, void *userdata)
{
        lookup *one = userdata;
        lookup_done done = one->done;
        void *data = one->userdata;

        (void)source;
        (void)usec;
        lookup_cancel(one);
        done(data);
        return 0;
}

lookup *lookup_cancel(lookup *one)
{
        if (one)
                sd_event_source_disable_unref(one->timer);
        free(one);
        return NULL;
}

int lookup_begin(
        lookups *l, uid_t asker, const char *name, lookup_done done, void *userdata, lookup **ret)
{
        lookup *one;

        (void)l;
        (void)asker;
        if (!user_name_is_valid(name) || take(2) == 0)
                return LOOKUP_NOTHING;
        one = calloc(1, sizeof(lookup));
        require(one != NULL);
        one->done = done;
        one->userdata = userdata;
        require(sd_event_add_time_relative(
                        event, &one->timer, CLOCK_BOOTTIME, 0, 1, on_lookup, one) >= 0);
        *ret = one;
        return LOOKUP_WAITING;
}

void lookups_forget(lookups *l)
{
        (void)l;
}

/* A verdict on an account, likewise. */

struct account_check {
        account_checked done;
        void *userdata;
        sd_event_source *timer;
};

account_check *account_check_cancel(account_check *check)
{
        if (check)
                sd_event_source_disable_unref(check->timer);
        free(check);
        return NULL;
}

static int on_check(sd_event_source *source, uint64_t usec, void *userdata)
{
        account_check *check = userdata;
        account_checked done = check->done;
        void *data = check->userdata;

        (void)source;
        (void)usec;
        account_check_cancel(check);
        done((int)take(VERDICT_INVALID), NULL, data);
        return 0;
}

int account_check_begin(accounts *a, bool program, const char *name, const local_user *account,
        const char *service, const char *rhost, account_checked done, void *userdata,
        account_check **ret)
{
        account_check *check;

        (void)a;
        (void)program;
        (void)account;
        require(user_name_is_valid(name) && context_field_is_valid(service) &&
                context_field_is_valid(rhost));
        *ret = NULL;
        if (take(2) == 0) {
                done((int)take(VERDICT_INVALID), take(2) ? "A sentence." : NULL, userdata);
                return 0;
        }
        check = calloc(1, sizeof(account_check));
        require(check != NULL);
        check->done = done;
        check->userdata = userdata;
        require(sd_event_add_time_relative(
                        event, &check->timer, CLOCK_BOOTTIME, 0, 1, on_check, check) >= 0);
        *ret = check;
        return 0;
}

int adopt_by_hand(directory *d, store *s, const char *name, const char *identity)
{
        (void)d;
        (void)s;
        require(user_name_is_valid(name) && uuid_is_valid(identity));
        return take(2) ? ADOPTION_REFUSED : 0;
}

int adoption_unpin(store *s, const char *name)
{
        (void)s;
        require(user_name_is_valid(name));
        return take(2) ? -ENOENT : 0;
}

/* The store, whose rows are in bus-store.c. */

int64_t boottime_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_BOOTTIME, &ts);
        return (int64_t)ts.tv_sec * (int64_t)USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* The revoker: at once. */

void revoker_end(revoker *r, session_row *row)
{
        (void)r;
        kratos_note_granting(row);
        kratos_note_ended(row);
        (void)store_delete(NULL, row->id);
}

void revoker_kick(revoker *r)
{
        (void)r;
        rows_check_revoking();
}

int revoker_count(revoker *r, unsigned *ret)
{
        (void)r;
        *ret = 0;
        return 0;
}

void revoker_use_token(revoker *r, const char *user, const char *identity, const secret *token)
{
        (void)r;
        require(uuid_is_valid(identity));
        require(user_name_is_valid(user) && token);
}

/* Lifelines: pipes without a name. */

int lifeline_prepare(void)
{
        return 0;
}

int lifeline_make(const char *id, int *ret_reader, int *ret_writer)
{
        int fds[2];

        require(id_is_valid(id));
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        *ret_reader = fds[0];
        *ret_writer = fds[1];
        return 0;
}

int lifeline_reopen(const char *id, int *ret_reader)
{
        (void)id;
        (void)ret_reader;
        return LIFELINE_GONE;
}

void lifeline_remove(const char *id)
{
        require(id_is_valid(id));
}

void lifeline_sweep(int (*keep)(const char *id, void *userdata), void *userdata)
{
        (void)keep;
        (void)userdata;
}

/* Answer sockets: there is always something in one. */

int answer_sockets_prepare(void)
{
        return 0;
}

int answer_socket_make(const char *login, uid_t uid, int *ret_fd)
{
        (void)uid;
        int fds[2];

        require(id_is_valid(login) && pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
        require(write(fds[1], "answer", 6) == 6);
        close(fds[1]);
        *ret_fd = fds[0];
        return 0;
}

int answer_socket_read(int fd, secret **ret)
{
        require(secret_new(ANSWER_MAX, ret) == 0 && secret_read(*ret, fd) == 0);
        return 0;
}

void answer_socket_remove(const char *login, int fd)
{
        require(id_is_valid(login));
        if (fd >= 0)
                close(fd);
}

/* The log: its arguments are read, and nothing is said. */

void log_event(enum event which, const event_facts *facts, const char *reason)
{
        char line[1024];

        if (which == EVENT_LOGIN_GRANTED)
                kratos_note_granted(facts->session);
        snprintf(line, sizeof(line), "%s %s %s %s %s", facts->user, facts->service, facts->rhost,
                facts->session, reason);
}

void log_message(int level, const char *format, ...)
{
        char line[1024];
        va_list ap;

        (void)level;
        va_start(ap, format);
        vsnprintf(line, sizeof(line), format, ap);
        va_end(ap);
}

/* Nobody waits for a refusal's second. As sd-event's own it counts from when the loop's round
 * began, which was long ago where the process has stood still since. */
int sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec)
{
        uint64_t now = (uint64_t)boottime_usec(), round = 0;
        bool waits;

        require(sd_event_now(event, CLOCK_BOOTTIME, &round) >= 0);
        waits = round + usec > now + 5 * USEC_PER_SEC && !hurry;
        return sd_event_source_set_time(source, waits ? round + usec : now);
}

/* The configuration. */

config kratos_configuration = { .identifier = (char[]){ "%u" },
        .public = { .count = 1 },
        .timeout_usec = 10 * USEC_PER_SEC,
        .open_timeout_usec = 300 * USEC_PER_SEC,
        .require_aal = REQUIRE_AAL1 };

config *kratos_config(kratos *k)
{
        (void)k;
        return &kratos_configuration;
}
