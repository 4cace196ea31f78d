#include "call.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "timespan.h"

/* A server that could not be reached is asked last for so long. */
#define DOWN_USEC (30 * USEC_PER_SEC)
/* A server's wish to be left alone is heeded so long at most: it must not lock people out for good.
 */
#define QUIET_MAX_USEC (60 * USEC_PER_SEC)
/* Meanwhile one login in so many asks it all the same, the first of all: who was to be kept off may
 * have been a stranger who guesses, and not this host. */
#define PROBE_EVERY 4

static uint64_t now_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

kratos_call *kratos_cancel(kratos_call *call)
{
        if (!call)
                return NULL;
        http_cancel(call->request);
        secret_free(call->token);
        secret_free(call->body);
        config_unref(call->config);
        free(call->path);
        free(call);
        return NULL;
}

/* The next server to ask: in order, those that are thought to be down last. -ENOENT: none is left;
 * -EBUSY: only such as want to be left alone. */
static int next_server(const kratos_call *call)
{
        uint64_t now = now_usec();
        int last = -ENOENT;

        for (size_t i = 0; i < call->servers->count; i++) {
                if (call->tried & (1U << i))
                        continue;
                if (call->state->quiet_until[i] > now && !call->probes) {
                        if (last == -ENOENT)
                                last = -EBUSY;
                } else if (call->state->down_until[i] <= now) {
                        return (int)i;
                } else if (last < 0) {
                        last = (int)i;
                }
        }
        return last;
}

/* Says once that none of the servers can be reached, and once that one can again. */
static void note_reachable(kratos_call *call, bool reachable, const char *error)
{
        const char *side = call->servers == &call->config->admin ? "admin" : "public";

        if (call->state->unreachable == !reachable)
                return;
        call->state->unreachable = !reachable;
        if (reachable)
                log_message(LOG_NOTICE, "Kratos's %s API can be reached again", side);
        else
                log_message(LOG_WARNING, "Kratos's %s API cannot be reached: %s", side, error);
}

static int outcome_of(const http_answer *answer)
{
        if (answer->result == HTTP_NOT_BEGUN)
                return KRATOS_NOT_ASKED;
        if (answer->result == HTTP_NOT_SENT)
                return KRATOS_UNREACHABLE;
        if (answer->result == HTTP_TOO_LARGE)
                return answer->status < 300   ? KRATOS_BAD_ANSWER
                       : answer->status < 500 ? KRATOS_REFUSED
                                              : KRATOS_FAULT;
        if (answer->result != HTTP_ANSWERED)
                return KRATOS_NO_ANSWER;
        if (answer->status >= 200 && answer->status < 300)
                return KRATOS_OK;
        return answer_error(answer->status, secret_data(answer->body), secret_size(answer->body));
}

/* True if the request can be made of another server without doing anything twice. */
static bool may_go_on(const kratos_call *call, const http_answer *answer, int outcome)
{
        if (outcome == KRATOS_UNREACHABLE)
                return true;
        if (strcmp(call->method, "POST") == 0)
                return false;
        return outcome == KRATOS_NO_ANSWER || (outcome == KRATOS_FAULT && answer->status >= 502);
}

static void note_state(kratos_call *call, const http_answer *answer, int outcome)
{
        server_state *state = call->state;
        uint64_t quiet = (uint64_t)answer->retry_after_sec * USEC_PER_SEC;

        bool down = answer->result == HTTP_NOT_SENT || answer->result == HTTP_BROKEN;

        if (outcome == KRATOS_NOT_ASKED)
                return;
        state->down_until[call->server] = down ? now_usec() + DOWN_USEC : 0;
        if (outcome == KRATOS_RATE_LIMITED)
                state->quiet_until[call->server] =
                        now_usec() + (quiet < QUIET_MAX_USEC ? quiet : QUIET_MAX_USEC);
        else if (call->probes && answer->result == HTTP_ANSWERED)
                state->quiet_until[call->server] = state->held_back = 0;
}

/* An answer that nobody gives in Kratos's place, about whoever asked. What is said of a flow alone
 * needs no password to be looked at. */
static bool is_judgement(int outcome)
{
        switch (outcome) {
        case KRATOS_OK:
        case KRATOS_BAD_CREDENTIALS:
        case KRATOS_INACTIVE:
        case KRATOS_CODE_SENT:
        case KRATOS_WRONG_CODE:
        case KRATOS_NO_FACTOR:
        case KRATOS_NO_SESSION:
        case KRATOS_FORBIDDEN:
        case KRATOS_NOT_SURE_ENOUGH:
        case KRATOS_DENIED:
                return true;
        }
        return false;
}

static void note_judgement(judgements *j, const char *nonce)
{
        if (strcmp(j->nonce, nonce) != 0) {
                j->others = j->last;
                snprintf(j->nonce, sizeof(j->nonce), "%s", nonce);
        }
        j->last = now_usec();
}

void call_note_answer(kratos_call *call, int outcome)
{
        bool judgement = is_judgement(outcome);

        if (!judgement && outcome != KRATOS_NOT_TAKEN && outcome != KRATOS_FLOW_GONE &&
                outcome != KRATOS_NOT_FOUND)
                return;
        call->kratos->answered = now_usec();
        if (judgement && strcmp(call->method, "POST") == 0)
                note_judgement(&call->kratos->judged, call->nonce);
}

static bool is_within(uint64_t when, uint64_t usec)
{
        return when > 0 && now_usec() - when < usec;
}

bool kratos_has_judged(const kratos *k, const char *nonce, uint64_t usec)
{
        const judgements *j = &k->judged;

        return is_within(strcmp(j->nonce, nonce) == 0 ? j->others : j->last, usec);
}

bool kratos_has_answered(const kratos *k, uint64_t usec)
{
        return is_within(k->answered, usec);
}

static void on_answer(const http_answer *answer, void *userdata)
{
        _cleanup_call_ kratos_call *call = userdata;
        int outcome = outcome_of(answer);

        call->request = NULL; /* it frees itself once this returns */
        note_state(call, answer, outcome);
        if (may_go_on(call, answer, outcome) && call_attempt(call) == 0) {
                TAKE_PTR(call);
                return;
        }
        if (outcome != KRATOS_NOT_ASKED)
                note_reachable(call, outcome != KRATOS_UNREACHABLE, answer->error);
        if (!call->finish(call, outcome, answer))
                TAKE_PTR(call);
}

/* What this host shows to the admin API, and to nobody else. Connections on which it showed
 * something else are not used any more. */
static void add_credentials(const kratos_call *call, http_ask *ask)
{
        kratos *k = call->kratos;

        if (call->servers != &call->config->admin)
                return;
        if (credentials_refresh(k->credentials, call->config))
                http_forget_connections(k->http);
        ask->bearer = credentials_token(k->credentials);
        ask->certificate = call->config->client_certificate;
        ask->key = credentials_key(k->credentials, call->config);
}

int call_attempt(kratos_call *call)
{
        uint64_t now = now_usec(), left;
        int server = next_server(call);
        http_ask ask;

        if (server < 0)
                return server;
        if (now >= call->deadline)
                return -ETIME;
        call->server = (size_t)server;
        call->tried |= 1U << server;

        left = call->deadline - now;
        /* One that hangs may not use up the time in which another could have answered. */
        if (strcmp(call->method, "POST") != 0 && next_server(call) >= 0)
                left /= 2;
        ask = (http_ask){
                .method = call->method,
                .config = call->config,
                .server = &call->servers->urls[server],
                .path = call->path,
                .user_agent = call->agent[0] ? call->agent : NULL,
                .client_ip = call->client_ip[0] ? call->client_ip : NULL,
                .token = call->token,
                .body = call->body,
                .deadline_usec = left,
                .body_max = call->body_max,
                .lane = call->lane,
                .fresh = call->fresh,
        };
        add_credentials(call, &ask);
        return http_start(call->kratos->http, &ask, on_answer, call, &call->request);
}

int call_new(kratos *k, bool admin, const char *method, uint64_t deadline_usec, kratos_call **ret)
{
        kratos_call *call = calloc(1, sizeof(kratos_call));

        if (!call)
                return -ENOMEM;
        call->kratos = k;
        call->config = config_ref(k->config);
        call->state = admin ? &k->admin : &k->public;
        call->servers = admin ? &call->config->admin : &call->config->public;
        call->method = method;
        call->body_max = HTTP_BODY_MAX;
        call->lane = HTTP_BACKGROUND;
        call->deadline = now_usec() + deadline_usec;
        *ret = call;
        return 0;
}

int call_set_path(kratos_call *call, const char *format, ...)
{
        char *path = NULL;
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&path, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        free(call->path);
        call->path = path;
        return 0;
}

int call_start(kratos_call *call, kratos_call **ret)
{
        int r = call_attempt(call);

        if (r == -EBUSY && call->lane == HTTP_LOGINS && call->state == &call->kratos->public &&
                call->state->held_back++ % PROBE_EVERY == 0) {
                call->probes = true;
                r = call_attempt(call);
        }
        if (r < 0) {
                kratos_cancel(call);
                return r;
        }
        *ret = call;
        return 0;
}
