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
        k->judged = (judgements){ 0 };
        k->answered = 0;
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
