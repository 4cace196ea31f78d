#include <errno.h>
#include <string.h>

#include "body.h"
#include "call.h"

int call_new_flow(
        kratos *k, const char *path, const secret *token, uint64_t deadline_usec, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "GET", deadline_usec, &call);
        if (r == 0 && token)
                r = secret_copy(token, &call->token);
        if (r == 0)
                r = call_set_path(call, "%s", path);
        if (r < 0)
                return r;
        call->lane = HTTP_LOGINS;
        *ret = TAKE_PTR(call);
        return 0;
}

bool call_finish_flow(kratos_call *call, int outcome, const http_answer *answer)
{
        kratos_flow flow = { 0 };

        if (outcome == KRATOS_OK)
                outcome = answer_flow(secret_data(answer->body), secret_size(answer->body), &flow);
        call_note_answer(call, outcome);
        call->then.flow(outcome, &flow, call->userdata);
        return true;
}

int kratos_begin_login(kratos *k, bool urgent, uint64_t deadline_usec, kratos_flow_done done,
        void *userdata, kratos_call **ret)
{
        kratos_call *call;
        int r;

        r = call_new_flow(k, "/self-service/login/api", NULL, deadline_usec, &call);
        if (r < 0)
                return r;
        if (!urgent)
                call->lane = HTTP_BACKGROUND;
        call->finish = call_finish_flow;
        call->then.flow = done;
        call->userdata = userdata;
        return call_start(call, ret);
}

int kratos_begin_renewal(kratos *k, const secret *token, uint64_t deadline_usec,
        kratos_flow_done done, void *userdata, kratos_call **ret)
{
        kratos_call *call;
        int r;

        r = call_new_flow(k, "/self-service/login/api?refresh=true", token, deadline_usec, &call);
        if (r < 0)
                return r;
        call->finish = call_finish_flow;
        call->then.flow = done;
        call->userdata = userdata;
        return call_start(call, ret);
}

/* Which login an answer belongs to is told by the nonce. A Kratos from before devices cannot tell:
 * there, an answer counts on a connection on which nothing else was ever asked. (rule 29) */
static bool answer_is_ours(kratos_call *call, const kratos_login *login)
{
        if (login->lists_devices)
                call->kratos->lists_devices = true;
        return login->has_nonce || (!login->lists_devices && call->fresh);
}

static bool finish_login(kratos_call *call, int outcome, const http_answer *answer)
{
        _cleanup_(kratos_login_done) kratos_login login = { 0 };
        char sentence[PROMPT_TEXT_MAX + 1] = "";
        kratos_login_reply reply = {
                .login = &login,
                .sentence = sentence,
                .stale = answer->result == HTTP_STALE,
                .hurried = answer->hurried,
        };

        if (outcome == KRATOS_OK)
                outcome = answer_login(
                        secret_data(answer->body), secret_size(answer->body), call->nonce, &login);
        if (login.token)
                reply.is_ours = answer_is_ours(call, &login);
        if (outcome == KRATOS_BAD_ANSWER || (outcome == KRATOS_OK && !reply.is_ours))
                http_forget_connections(call->kratos->http);
        if (outcome == KRATOS_DENIED)
                answer_sentence(secret_data(answer->body), secret_size(answer->body), sentence);
        call_note_answer(call, outcome);
        reply.outcome = outcome;
        call->then.login(&reply, call->userdata);
        return true;
}

static void write_agent(const kratos_submission *s, char *buffer, size_t size)
{
        char host[CONTEXT_FIELD_MAX + 1] = "";

        if (gethostname(host, sizeof(host)) < 0 || !memchr(host, 0, sizeof(host)) ||
                !context_field_is_valid(host))
                snprintf(host, sizeof(host), "localhost");
        snprintf(buffer, size, "%s kratosd/" VERSION " (%s; %s; %s)", s->nonce, host, s->service,
                s->tty);
}

static bool finish_second(kratos_call *call, int outcome, const http_answer *answer)
{
        kratos_offer offer = { 0 };

        if (outcome == KRATOS_OK)
                outcome =
                        answer_offer(secret_data(answer->body), secret_size(answer->body), &offer);
        call_note_answer(call, outcome);
        call->then.offer(outcome, &offer, call->userdata);
        return true;
}

static int begin_offer(kratos *k, const char *path, const secret *token, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret)
{
        kratos_call *call;
        int r;

        r = call_new_flow(k, path, token, deadline_usec, &call);
        if (r < 0)
                return r;
        call->finish = finish_second;
        call->then.offer = done;
        call->userdata = userdata;
        return call_start(call, ret);
}

int kratos_begin_second(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret)
{
        const char *path = anew ? "/self-service/login/api?aal=aal2&refresh=true"
                                : "/self-service/login/api?aal=aal2";

        return begin_offer(k, path, token, deadline_usec, done, userdata, ret);
}

int kratos_begin_second_elsewhere(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret)
{
        const char *path = anew ? "/self-service/login/browser?aal=aal2&refresh=true"
                                : "/self-service/login/browser?aal=aal2";

        return begin_offer(k, path, token, deadline_usec, done, userdata, ret);
}

static int make_body(const kratos_submission *s, secret **ret)
{
        switch (s->method) {
        case KRATOS_PASSWORD:
                return body_password_login(s->identifier, s->answer, ret);
        case KRATOS_TOTP:
                return body_totp(s->answer, ret);
        case KRATOS_LOOKUP_SECRET:
                return body_lookup_secret(s->answer, ret);
        case KRATOS_CODE:
                return body_code(BODY_VERIFY, s->identifier, NULL, s->answer, ret);
        case KRATOS_SEND_CODE:
                return body_code(BODY_SEND, s->identifier, s->address, NULL, ret);
        case KRATOS_RESEND_CODE:
                return body_code(BODY_RESEND, s->identifier, s->address, NULL, ret);
        }
        return -EINVAL;
}

int kratos_submit(kratos *k, const kratos_submission *s, kratos_login_done_handler done,
        void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "POST", s->deadline_usec, &call);
        if (r == 0)
                r = make_body(s, &call->body);
        if (r == 0 && s->token)
                r = secret_copy(s->token, &call->token);
        if (r == 0)
                r = call_set_path(call, "/self-service/login?flow=%s", s->flow->id);
        if (r < 0)
                return r;
        snprintf(call->nonce, sizeof(call->nonce), "%s", s->nonce);
        snprintf(call->client_ip, sizeof(call->client_ip), "%s", s->client_ip ?: "");
        write_agent(s, call->agent, sizeof(call->agent));
        call->fresh = !k->lists_devices;
        call->lane = HTTP_LOGINS;
        call->finish = finish_login;
        call->then.login = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}
