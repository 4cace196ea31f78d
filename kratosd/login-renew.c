#include <errno.h>
#include <string.h>

#include "login-steps.h"
#include "session-renewal.h"

/* Kratos lists every renewal in the session, some 350 bytes of each answer that has it: then a
 * login that makes a new one takes its place, long before the list is more than we read. */
#define RENEWALS_MAX 100

bool login_renews(const login *l)
{
        return l->renewal.wanted && !l->renewal.gone;
}

/* Nobody but logind says where a caller sits: what a process says of itself proves nothing, its
 * audit session (loginuid) included. (rule 34) */
void login_seek_session(login *l, uid_t uid)
{
        const session_place *place = &l->caller.place;
        session_row open;

        if (l->changes_password || place->leader == 0 || place->uid != uid ||
                sessions_find_at(l->owner->sessions, l->row.user, place, &open) < 0)
                return;
        /* The name may be somebody else's by now. */
        if (!open.session[0] || open.token_size == 0 || strcmp(open.identity, l->row.identity) != 0)
                return;
        memcpy(l->renewal.row, open.id, sizeof(l->renewal.row));
        memcpy(l->row.borrowed, open.session, sizeof(l->row.borrowed));
        l->renewal.wanted = true;
        l->renewal.gone = open.renewals >= RENEWALS_MAX;
}

/* The row is read each time: the session may end while the person types, and another login may
 * have put another one in its place. */
int login_renewed_token(login *l, secret **ret)
{
        session_row open;
        int r = sessions_find_open(l->owner->sessions, l->renewal.row, &open);

        if (r == -ENOENT || (r == 0 && strcmp(open.session, l->row.borrowed) != 0)) {
                l->renewal.wanted = false;
                return -ESRCH;
        }
        return r < 0 ? r : unseal(l->owner->sealer, open.token, open.token_size, ret);
}

/* Kratos gives a flow to an unknown token too, as to nobody's; a proxy or an old one may say it
 * otherwise. */
static bool is_unknown(int outcome, const kratos_flow *flow)
{
        if (outcome == KRATOS_OK)
                return !flow->renews;
        return outcome == KRATOS_NO_SESSION || outcome == KRATOS_FORBIDDEN ||
               outcome == KRATOS_NOT_FOUND || outcome == KRATOS_INACTIVE;
}

static void on_flow(int outcome, const kratos_flow *flow, void *userdata)
{
        login *l = userdata;

        l->renewal.fetch = NULL;
        l->renewal.gone = is_unknown(outcome, flow);
        if (l->renewal.gone && outcome != KRATOS_OK) {
                login_take_flow(l);
                if (l->state == LOGIN_FETCHING)
                        login_go_on_first(l);
                return;
        }
        login_on_flow(l, outcome, flow, boottime_usec());
        l->flow_used = true; /* it is no other login's, also if this one ends without it */
}

int login_fetch_renewal(login *l)
{
        uint64_t budget = kratos_config(l->owner->kratos)->timeout_usec;
        _cleanup_secret_ secret *token = NULL;
        int r;

        r = login_renewed_token(l, &token);
        if (r < 0)
                return r;
        return kratos_begin_renewal(l->owner->kratos, token, budget, on_flow, l, &l->renewal.fetch);
}

bool login_is_renewed_token(login *l, const secret *token)
{
        _cleanup_secret_ secret *own = NULL;

        return login_renews(l) && login_renewed_token(l, &own) == 0 &&
               secret_size(own) == secret_size(token) &&
               memcmp(secret_data(own), secret_data(token), secret_size(own)) == 0;
}

bool login_take_renewed(login *l, const kratos_login *session)
{
        if (strcmp(session->session, l->row.borrowed) != 0) {
                l->renewal.gone = true;
                return true;
        }
        /* Or it has ended here since, and is being revoked. */
        return login_is_renewed_token(l, session->token) || !l->renewal.wanted;
}

int login_lend_session(login *l, session_row *row)
{
        sessions *all = l->owner->sessions;
        int r = 0;

        if (session_row_is_borrowed(row)) {
                r = sessions_note_renewal(all, l->renewal.row);
        } else {
                row->borrowed[0] = '\0';
                if (l->renewal.wanted)
                        r = sessions_replace(all, l->renewal.row, row);
        }
        if (session_row_is_borrowed(row)) {
                explicit_bzero(row->token, sizeof(row->token));
                row->token_size = 0;
        }
        return r == -ENOENT ? 0 : r;
}
