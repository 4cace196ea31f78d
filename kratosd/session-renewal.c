#include "session-renewal.h"

#include <errno.h>
#include <string.h>

#include "seal.h"
#include "session-table.h"
#include "timespan.h"

/* logind's session and ours are made by the same run of a PAM stack: no further apart than this,
 * whatever modules there are between. Further apart, the process is another one with the same
 * number. */
#define SAME_STACK_USEC ((int64_t)(300 * USEC_PER_SEC))

bool sessions_may_renew(sessions *s, const char *user)
{
        return store_has_open(s->store, user) > 0;
}

static bool is_of_place(const session_row *row, const session_place *place)
{
        int64_t apart = row->opened - place->since;

        return apart > -SAME_STACK_USEC && apart < SAME_STACK_USEC;
}

int sessions_find_at(sessions *s, const char *user, const session_place *place, session_row *ret)
{
        char last[ID_LENGTH + 1] = "";
        session_row row, found;
        unsigned n_found = 0;
        int r;

        while ((r = store_find_opened(s->store, user, place->leader, last, &row)) == 0) {
                memcpy(last, row.id, sizeof(last));
                if (!is_of_place(&row, place) || !sessions_is_open(s, row.id))
                        continue;
                if (++n_found > 1)
                        return -ENOENT;
                found = row;
        }
        if (r != -ENOENT || n_found == 0)
                return r;
        *ret = found;
        return 0;
}

int sessions_note_renewal(sessions *s, const char *id)
{
        session_row open;
        int r = sessions_find_open(s, id, &open);

        if (r < 0)
                return r;
        open.renewals++;
        return store_update(s->store, &open);
}

/* What Kratos does not know any more is revoked all the same: it may have been mistaken. */
static int end_replaced(sessions *s, const session_row *open)
{
        session_row old = *open;

        make_id(old.id);
        old.state = ROW_REVOKING;
        old.due = 0;
        old.posted = boottime_usec();
        return store_insert(s->store, &old);
}

int sessions_replace(sessions *s, const char *id, session_row *row)
{
        session_row open;
        int r;

        r = sessions_find_open(s, id, &open);
        if (r < 0)
                return r;
        r = end_replaced(s, &open);
        if (r < 0)
                return r;
        memcpy(open.session, row->session, sizeof(open.session));
        memcpy(open.identity, row->identity, sizeof(open.identity));
        memcpy(open.token, row->token, sizeof(open.token));
        open.token_size = row->token_size;
        open.renewals = 0;
        r = store_update(s->store, &open);
        if (r < 0)
                return r;
        memcpy(row->borrowed, row->session, sizeof(row->borrowed));
        revoker_kick(s->revoker);
        return 0;
}
