#include <errno.h>
#include <string.h>

#include "call.h"
#include "kratos.h"
#include "timespan.h"

/* "ids=", a UUID and "&". */
#define IDS_ENTRY (sizeof("ids=") + UUID_LENGTH)

int kratos_admin_delete_session(
        kratos *k, const char *session, kratos_done done, void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, true, "DELETE", PATIENT_USEC, &call);
        if (r == 0)
                r = call_set_path(call, "/admin/sessions/%s", session);
        if (r < 0)
                return r;
        call->finish = call_finish_delete;
        call->then.done = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}

int kratos_admin_find_session(kratos *k, const char *identity, const char *nonce,
        kratos_session_done done, void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, true, "GET", PATIENT_USEC, &call);
        if (r == 0)
                r = call_set_path(call, "/admin/identities/%s/sessions?active=true&" PAGE_SIZE "%d",
                        identity, SESSIONS_PAGE);
        if (r < 0)
                return r;
        snprintf(call->nonce, sizeof(call->nonce), "%s", nonce);
        call->page = SESSIONS_PAGE;
        call->body_max = HTTP_LIST_MAX;
        call->finish = call_finish_find;
        call->then.session = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}

static identity_traits traits_of(const kratos_call *call)
{
        const config *c = call->config;

        return (identity_traits){ .user_name = c->trust_trait_names ? c->user_name : NULL,
                .strip_domain = c->trust_trait_names ? c->strip_domain : NULL };
}

static bool finish_identity(kratos_call *call, int outcome, const http_answer *answer)
{
        _cleanup_identity_ kratos_identity identity = { 0 };
        identity_traits traits = traits_of(call);

        if (outcome == KRATOS_OK)
                outcome = answer_identity(
                        secret_data(answer->body), secret_size(answer->body), &traits, &identity);
        /* An answer about somebody else is none. */
        if (outcome == KRATOS_OK && strcmp(identity.id, call->session) != 0)
                outcome = KRATOS_BAD_ANSWER;
        call->then.identity(outcome, &identity, call->userdata);
        return true;
}

int kratos_admin_get_identity(kratos *k, const char *identity, bool urgent, uint64_t deadline_usec,
        kratos_identity_done_handler done, void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        if (!uuid_is_valid(identity))
                return -EINVAL;
        r = call_new(k, true, "GET", deadline_usec, &call);
        if (r == 0)
                r = call_set_path(call, "/admin/identities/%s", identity);
        if (r < 0)
                return r;
        snprintf(call->session, sizeof(call->session), "%s", identity);
        call->lane = urgent ? HTTP_LOGINS : HTTP_BACKGROUND;
        call->finish = finish_identity;
        call->then.identity = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}

/* A list that was not whole, or not only, what was asked for says nothing about anybody: that is
 * the callback's to tell, for each identity that it is given. */
static bool finish_identities(kratos_call *call, int outcome, const http_answer *answer)
{
        identity_traits traits = traits_of(call);

        /* No such path: that says nothing about an identity. */
        if (outcome == KRATOS_NOT_FOUND)
                outcome = KRATOS_REFUSED;
        if (outcome == KRATOS_OK)
                outcome = answer_identities(secret_data(answer->body), secret_size(answer->body),
                        &traits, call->each, call->userdata);
        call->then.identities(outcome, call->userdata);
        return true;
}

static int list_identities(kratos_call *call, int (*each)(const kratos_identity *, void *),
        kratos_identities_done done, void *userdata, kratos_call **ret)
{
        call->body_max = HTTP_LIST_MAX;
        call->finish = finish_identities;
        call->each = each;
        call->then.identities = done;
        call->userdata = userdata;
        return call_start(call, ret);
}

int kratos_admin_find_identities(kratos *k, bool urgent, const char *identifier,
        uint64_t deadline_usec, kratos_identity_each each, kratos_identities_done done,
        void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        _cleanup_free_ char *escaped = NULL;
        int r;

        r = http_escape(identifier, &escaped);
        if (r == 0)
                r = call_new(k, true, "GET", deadline_usec, &call);
        if (r == 0)
                r = call_set_path(call, "/admin/identities?credentials_identifier=%s", escaped);
        if (r != 0)
                return r;
        call->lane = urgent ? HTTP_LOGINS : HTTP_BACKGROUND;
        return list_identities(TAKE_PTR(call), each, done, userdata, ret);
}

int kratos_admin_get_identities(kratos *k, const char (*ids)[UUID_LENGTH + 1], size_t n_ids,
        kratos_identity_each each, kratos_identities_done done, void *userdata, kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        char query[IDENTITIES_MAX * IDS_ENTRY + 1] = "";
        size_t end = 0;
        int r;

        if (n_ids > IDENTITIES_MAX)
                return -E2BIG;
        for (size_t i = 0; i < n_ids; i++)
                if (!uuid_is_valid(ids[i]))
                        return -EINVAL;
        for (size_t i = 0; i < n_ids; i++)
                end += (size_t)snprintf(query + end, sizeof(query) - end, "ids=%s&", ids[i]);
        r = call_new(k, true, "GET", PATIENT_USEC, &call);
        if (r == 0)
                r = call_set_path(call, "/admin/identities?%spage_size=%d", query, IDENTITIES_MAX);
        if (r < 0)
                return r;
        return list_identities(TAKE_PTR(call), each, done, userdata, ret);
}
