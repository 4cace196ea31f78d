#include "kratos.h"

#include <errno.h>
#include <string.h>

#include "body.h"
#include "call.h"
#include "timespan.h"

#define HTTP_NO_CONTENT 204

int kratos_new(sd_event *event, config *c, kratos **ret)
{
        _cleanup_(kratos_freep) kratos *k = calloc(1, sizeof(kratos));
        int r;

        if (!k)
                return -ENOMEM;
        k->config = config_ref(c);
        r = http_new(event, &k->http);
        if (r < 0)
                return r;
        r = credentials_new(&k->credentials);
        if (r < 0)
                return r;
        (void)credentials_refresh(k->credentials, c); /* to tell of mistakes at once */
        *ret = TAKE_PTR(k);
        return 0;
}

kratos *kratos_free(kratos *k)
{
        if (!k)
                return NULL;
        http_free(k->http);
        credentials_free(k->credentials);
        config_unref(k->config);
        free(k);
        return NULL;
}

void kratos_set_config(kratos *k, config *c)
{
        config_unref(k->config);
        k->config = config_ref(c);
        k->public = k->admin = (server_state){ 0 };
        k->lists_devices = false;
        credentials_forget(k->credentials);
        (void)credentials_refresh(k->credentials, c);
        http_forget_connections(k->http);
}

config *kratos_config(kratos *k)
{
        return k->config;
}

bool kratos_has_admin(const kratos *k)
{
        return k->config->admin.count > 0;
}

static bool finish_flow(kratos_call *call, int outcome, const http_answer *answer)
{
        kratos_flow flow = { 0 };

        if (outcome == KRATOS_OK)
                outcome = answer_flow(secret_data(answer->body), secret_size(answer->body), &flow);
        call->then.flow(outcome, &flow, call->userdata);
        return true;
}

int kratos_begin_login(kratos *k, bool urgent, uint64_t deadline_usec, kratos_flow_done done,
        void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "GET", deadline_usec, &call);
        if (r < 0)
                return r;
        r = call_set_path(call, "/self-service/login/api");
        if (r < 0)
                return r;
        call->lane = urgent ? HTTP_LOGINS : HTTP_BACKGROUND;
        call->finish = finish_flow;
        call->then.flow = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
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
        kratos_login_reply reply = { .login = &login, .stale = answer->result == HTTP_STALE };

        if (outcome == KRATOS_OK)
                outcome = answer_login(
                        secret_data(answer->body), secret_size(answer->body), call->nonce, &login);
        if (login.token)
                reply.is_ours = answer_is_ours(call, &login);
        if (outcome == KRATOS_BAD_ANSWER || (outcome == KRATOS_OK && !reply.is_ours))
                http_forget_connections(call->kratos->http);
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

int kratos_submit_password(kratos *k, const kratos_submission *s, kratos_login_done_handler done,
        void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "POST", s->deadline_usec, &call);
        if (r < 0)
                return r;
        r = body_password_login(s->identifier, s->password, &call->body);
        if (r < 0)
                return r;
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

/* Whatever is revoked is confirmed by 204, in both ages and on both APIs. A 200 with a page comes
 * from somebody in between, who revoked nothing. */
bool call_finish_delete(kratos_call *call, int outcome, const http_answer *answer)
{
        if (outcome == KRATOS_OK && answer->status != HTTP_NO_CONTENT)
                outcome = KRATOS_BAD_ANSWER;
        call->then.done(outcome, call->userdata);
        return true;
}

/* The path of today's logout is unknown to the oldest Kratos, which takes the same body elsewhere.
 * A newer one takes that for "end all others", but only from a token in a header, which is never
 * sent here; its 401 then says nothing about the session. */
static bool finish_logout(kratos_call *call, int outcome, const http_answer *answer)
{
        if ((outcome != KRATOS_NOT_FOUND && outcome != KRATOS_NO_SUCH_PATH) || call->old_form)
                return call_finish_delete(call, outcome, answer);
        call->old_form = true;
        call->tried = 0;
        if (call_set_path(call, "/sessions") < 0 || call_attempt(call) < 0)
                return call_finish_delete(call, outcome, answer);
        return false;
}

int kratos_logout(
        kratos *k, const secret *token, kratos_done done, void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "DELETE", PATIENT_USEC, &call);
        if (r < 0)
                return r;
        r = body_session_token(token, &call->body);
        if (r < 0)
                return r;
        r = call_set_path(call, "/self-service/logout/api");
        if (r < 0)
                return r;
        call->finish = finish_logout;
        call->then.done = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}

/* Asks for the list again in shorter pages, the first of which has the newest sessions: each entry
 * has the whole identity in it, which may be a large one. */
static bool ask_for_less(kratos_call *call)
{
        char *size = strstr(call->path, PAGE_SIZE);

        if (call->page == 1)
                return false;
        call->page = (call->page + 3) / 4;
        call->tried = 0;
        snprintf(size, strlen(size) + 1, PAGE_SIZE "%u", call->page);
        return call_attempt(call) == 0;
}

bool call_finish_find(kratos_call *call, int outcome, const http_answer *answer)
{
        char session[UUID_LENGTH + 1] = "";

        if (outcome == KRATOS_BAD_ANSWER && answer->result == HTTP_TOO_LARGE && ask_for_less(call))
                return false;
        if (outcome == KRATOS_NOT_FOUND)
                outcome = KRATOS_REFUSED; /* no such path: that says nothing about a session */
        if (outcome == KRATOS_OK)
                outcome = answer_find_session(secret_data(answer->body), secret_size(answer->body),
                        call->nonce, call->session, call->page, session);
        call->then.session(outcome, session, call->userdata);
        return true;
}

int kratos_find_session(kratos *k, const secret *token, const char *nonce, const char *session,
        kratos_session_done done, void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "GET", PATIENT_USEC, &call);
        if (r == 0)
                r = secret_copy(token, &call->token);
        if (r == 0)
                r = call_set_path(call, "/sessions?" PAGE_SIZE "%d", SESSIONS_PAGE);
        if (r < 0)
                return r;
        snprintf(call->nonce, sizeof(call->nonce), "%s", nonce);
        snprintf(call->session, sizeof(call->session), "%s", session);
        call->page = SESSIONS_PAGE;
        call->body_max = HTTP_LIST_MAX;
        call->finish = call_finish_find;
        call->then.session = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}

int kratos_delete_session(kratos *k, const secret *token, const char *session, kratos_done done,
        void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "DELETE", PATIENT_USEC, &call);
        if (r == 0)
                r = secret_copy(token, &call->token);
        if (r == 0)
                r = call_set_path(call, "/sessions/%s", session);
        if (r < 0)
                return r;
        call->finish = call_finish_delete;
        call->then.done = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}
