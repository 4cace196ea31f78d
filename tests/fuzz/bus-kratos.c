/* Kratos, as far as a fuzzer's logins ask it: it answers what the input says, in the next turn of
 * the loop. It remembers what it has verified of each session, and so knows which login may be
 * granted and which session is to be revoked. Session ids and tokens are made of the login's nonce.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus-stand-ins.h"
#include "common/interface.h"
#include "kratosd/kratos.h"
#include "kratosd/login-steps.h"
#include "kratosd/timespan.h"

#define FACTS_MAX 256
#define TOKEN_PREFIX "ory_st_"

/* Bits of what is wrong with a 200. */
enum wrong {
        INACTIVE = 1,
        INACTIVE_IDENTITY = 2,
        NOT_OURS = 4,
        NO_IDENTITY = 8,
        OTHER_IDENTITY = 16,
        STALE = 32,
        HAS_TOKEN = 64, /* although it is no 200 */
        NO_LEVELS = 128,
        OTHER_SESSION = 256, /* of a renewal: a new one was made */
        OTHER_TOKEN = 512,
        LOW_LEVEL = 1024,
};

typedef struct typed {
        char bytes[ANSWER_MAX];
        size_t size;
} typed;

/* What is true of one login, and of the session that it made. */
typedef struct facts {
        char nonce[ID_LENGTH + 1];
        char user[USER_NAME_MAX + 1];
        typed password;
        struct facts *renews;  /* whose session it is to renew, or NULL */
        bool kept;             /* and that was renewed: no other was made */
        bool made;             /* there is one, and its token was told */
        bool first;            /* its first factor is good */
        bool identified;       /* as the right person's */
        bool leveled;          /* Kratos knows levels */
        bool second;           /* a second factor was verified, and it is the right person's */
        bool wanted;           /* a second factor was offered to it at any time */
        bool looked;           /* Kratos was asked what it offers, */
        bool looked_elsewhere; /* and what in a browser */
        bool granted;
        bool high; /* the session has had a second factor, in whichever login */
        bool ended;
} facts;

struct kratos_call {
        sd_event_source *turn;
        kratos_flow_done flow;
        kratos_login_done_handler login;
        kratos_offer_done offer;
        kratos_change_done change;
        void *userdata;
        int outcome;
        unsigned flags;
        enum kratos_method method;
        bool second;
        bool renews;    /* a flow that is to renew a session */
        bool elsewhere; /* as a browser asks */
        facts *facts;
        typed code;
};

static facts all[FACTS_MAX];
static struct {
        char user[USER_NAME_MAX + 1];
        typed code;
} used[FACTS_MAX];
static unsigned n_facts, n_used;
static bool answered, judged;
static char granting[ID_LENGTH + 1]; /* the row of which most was heard last */

bool kratos_has_judged(const kratos *k, const char *nonce, uint64_t usec)
{
        (void)k;
        require(id_is_valid(nonce));
        require(usec >= kratos_configuration.timeout_usec);
        return judged;
}

bool kratos_has_answered(const kratos *k, uint64_t usec)
{
        (void)k;
        (void)usec;
        return answered;
}

void kratos_forget(void)
{
        memset(all, 0, sizeof(all));
        memset(used, 0, sizeof(used));
        n_facts = n_used = 0;
        answered = judged = false;
}

static void session_of(const char *nonce, char ret[static UUID_LENGTH + 1])
{
        snprintf(ret, UUID_LENGTH + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", nonce, nonce + 8, nonce + 12,
                nonce + 16, nonce + 20);
}

static facts *facts_of_session(const char *session)
{
        char own[UUID_LENGTH + 1];

        for (unsigned i = 0; i < n_facts; i++) {
                session_of(all[i].nonce, own);
                if (strcmp(own, session) == 0)
                        return all + i;
        }
        return NULL;
}

static facts *facts_of_nonce(const char *nonce)
{
        for (unsigned i = 0; i < n_facts; i++)
                if (strcmp(all[i].nonce, nonce) == 0)
                        return all + i;
        require(n_facts < FACTS_MAX);
        snprintf(all[n_facts].nonce, sizeof(all[n_facts].nonce), "%s", nonce);
        return all + n_facts++;
}

/* The session that a login is about, of which its own or another login may be the maker. */
static facts *holder_of(facts *f)
{
        return f->kept ? f->renews : f;
}

/* What is open is nobody else's to revoke. */
void kratos_note_ended(const session_row *row)
{
        facts *f;

        if (session_row_is_borrowed(row))
                return;
        f = row->session[0] ? facts_of_session(row->session) : facts_of_nonce(row->id);
        if (!f)
                return; /* it was none of ours */
        if (row->session[0])
                require(row->token_size > 0 && !row_is_open(row->session, row->id));
        f->ended = true;
}

void kratos_note_granting(const session_row *row)
{
        memcpy(granting, row->id, sizeof(granting));
}

void kratos_note_granted(const char *session)
{
        facts *f = facts_of_nonce(granting);
        enum require_aal demanded = kratos_configuration.require_aal;

        require(f->first && !f->granted && holder_of(f)->made);
        require(facts_of_session(session) == holder_of(f));
        require(strcmp(f->user, holder_of(f)->user) == 0);
        if (demanded == REQUIRE_AAL2)
                require(f->second);
        if (!f->second) {
                require(f->identified);
                if (demanded == REQUIRE_AAL2_ENROLLED)
                        require(!f->leveled || (f->looked && f->looked_elsewhere && !f->wanted));
        }
        f->granted = true;
        grants++;
}

void kratos_check_sessions(void)
{
        char session[UUID_LENGTH + 1];

        for (unsigned i = 0; i < n_facts; i++) {
                session_of(all[i].nonce, session);
                if (all[i].made)
                        require(all[i].ended || row_stands_for(all[i].nonce, session));
        }
}

kratos_call *kratos_cancel(kratos_call *c)
{
        if (c)
                sd_event_source_disable_unref(c->turn);
        free(c);
        return NULL;
}

/* Whether an answer says that a session which was to be renewed was renewed. */
static bool keeps(const kratos_call *c)
{
        return !c->second && c->facts->renews && !(c->flags & OTHER_SESSION);
}

/* The session that an answer is about. */
static facts *told(const kratos_call *c)
{
        if (c->second)
                return holder_of(c->facts);
        return keeps(c) ? c->facts->renews : c->facts;
}

static bool is_other_token(const kratos_call *c)
{
        char session[UUID_LENGTH + 1];

        session_of(told(c)->nonce, session);
        /* Whose session has ended here cannot tell. */
        return c->flags & OTHER_TOKEN && (c->second || (keeps(c) && row_is_open(session, "")));
}

static enum kratos_aal level_of(const kratos_call *c)
{
        if (c->flags & NO_LEVELS)
                return KRATOS_AAL_UNKNOWN;
        return (c->second && !(c->flags & LOW_LEVEL)) || told(c)->high ? KRATOS_AAL2 : KRATOS_AAL1;
}

/* What a 200 that is wrong in these ways says of the session, and what is true of it then. */
static void fill_login(const kratos_call *c, kratos_login *ret)
{
        char token[sizeof(TOKEN_PREFIX) + ID_LENGTH];
        unsigned flags = c->flags;

        snprintf(token, sizeof(token), TOKEN_PREFIX "%s",
                is_other_token(c) ? "somebodyelse" : told(c)->nonce);
        require(secret_new(TOKEN_MAX, &ret->token) == 0 &&
                secret_append_string(ret->token, token) == 0);
        if (c->second && flags & OTHER_SESSION)
                memcpy(ret->session, OTHER_UUID, UUID_LENGTH + 1);
        else
                session_of(told(c)->nonce, ret->session);
        if (!(flags & NO_IDENTITY))
                memcpy(ret->identity, flags & OTHER_IDENTITY ? OTHER_UUID : UUID, UUID_LENGTH + 1);
        ret->active = !(flags & INACTIVE);
        ret->inactive_identity = flags & INACTIVE_IDENTITY;
        ret->lists_devices = true;
        ret->has_nonce = !(flags & NOT_OURS);
        ret->aal = level_of(c);
        ret->verified = c->second && !(flags & LOW_LEVEL) ? KRATOS_AAL2 : KRATOS_AAL1;
}

static void note_second(const kratos_call *c)
{
        static const unsigned fatal = INACTIVE | INACTIVE_IDENTITY | NOT_OURS | NO_IDENTITY |
                                      OTHER_IDENTITY | NO_LEVELS | OTHER_SESSION | OTHER_TOKEN |
                                      LOW_LEVEL;
        facts *f = c->facts;

        f->second = !(c->flags & fatal);
        holder_of(f)->high |= f->second;
        if (c->method == KRATOS_TOTP && n_used < FACTS_MAX) {
                memcpy(used[n_used].user, f->user, sizeof(f->user));
                used[n_used++].code = c->code;
        }
}

static void note_first(const kratos_call *c)
{
        static const unsigned fatal = INACTIVE | INACTIVE_IDENTITY | NOT_OURS;
        facts *f = c->facts;

        f->first = !(c->flags & fatal) && !is_other_token(c);
        f->identified = !(c->flags & (NO_IDENTITY | OTHER_IDENTITY));
        f->leveled = !(c->flags & NO_LEVELS);
        f->kept = keeps(c);
}

static void note_verified(const kratos_call *c)
{
        if (c->method == KRATOS_SEND_CODE || c->method == KRATOS_RESEND_CODE)
                return;
        if (c->second)
                note_second(c);
        else
                note_first(c);
}

static void answer_submission(const kratos_call *c)
{
        _cleanup_(kratos_login_done) kratos_login session = { 0 };
        kratos_login_reply reply = { .outcome = c->outcome,
                .login = &session,
                .is_ours = !(c->flags & NOT_OURS),
                .stale = c->flags & STALE,
                .hurried = c->outcome == KRATOS_NOT_ASKED,
                .sentence = c->flags & STALE ? "For a reason." : "" };

        if (c->outcome == KRATOS_OK || (c->outcome == KRATOS_BAD_ANSWER && c->flags & HAS_TOKEN)) {
                fill_login(c, &session);
                c->facts->made |= !c->second && !keeps(c);
        }
        if (c->outcome == KRATOS_OK)
                note_verified(c);
        c->login(&reply, c->userdata);
}

static void answer_offer_request(const kratos_call *c)
{
        kratos_offer offer = { .flow = { .id = UUID },
                .totp = c->flags & 1,
                .lookup_secret = c->flags & 2,
                .other = (c->flags & 12) == 12,
                .n_addresses = c->flags & 16 ? 1 + (c->flags >> 5 & 1) : 0,
                .sent = (c->flags & 192) == 192 };

        for (unsigned i = 0; i < offer.n_addresses; i++)
                snprintf(offer.addresses[i], sizeof(offer.addresses[i]), "%s",
                        i ? "+491234567" : "alice@example.test");
        if (c->outcome == KRATOS_OK) {
                c->facts->looked |= !c->elsewhere;
                c->facts->looked_elsewhere |= c->elsewhere;
                c->facts->wanted |=
                        offer.totp || offer.lookup_secret || offer.other || offer.n_addresses;
        }
        c->offer(c->outcome, &offer, c->userdata);
}

static int on_turn(sd_event_source *source, void *userdata)
{
        kratos_call *c = userdata;
        kratos_flow flow = { .id = UUID, .renews = c->renews && c->flags != 3 };

        (void)source;
        answered |= c->outcome == KRATOS_OK;
        judged |= c->outcome == KRATOS_OK && (c->login || c->change);
        if (c->flow)
                c->flow(c->outcome, &flow, c->userdata);
        else if (c->offer)
                answer_offer_request(c);
        else if (c->change)
                c->change(c->outcome, c->outcome == KRATOS_DENIED ? "For a reason." : "",
                        c->userdata);
        else
                answer_submission(c);
        kratos_cancel(c);
        return 0;
}

static int begin(void *userdata, kratos_call **ret)
{
        kratos_call *c = calloc(1, sizeof(kratos_call));

        require(c && sd_event_add_defer(event, &c->turn, on_turn, c) >= 0);
        c->userdata = userdata;
        /* OK far more often than each of the others. */
        c->outcome = (int)take(40);
        if (c->outcome > KRATOS_NOT_ASKED)
                c->outcome = KRATOS_OK;
        *ret = c;
        return 0;
}

int kratos_begin_login(kratos *k, bool urgent, uint64_t deadline_usec, kratos_flow_done done,
        void *userdata, kratos_call **ret)
{
        (void)k;
        (void)urgent;
        (void)deadline_usec;
        (void)begin(userdata, ret);
        (*ret)->flow = done;
        return 0;
}

/* The session that a token belongs to. */
static facts *facts_of_token(const secret *token)
{
        require(strncmp(secret_data(token), TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0);
        return facts_of_nonce(secret_data(token) + strlen(TOKEN_PREFIX));
}

/* The session that a login of this user renews: an open one of theirs (rule 34). */
static facts *renewed_by(const secret *token, const char *user)
{
        facts *f = facts_of_token(token);
        char session[UUID_LENGTH + 1];

        session_of(f->nonce, session);
        require(f->made && !f->ended && row_is_open(session, "") && strcmp(f->user, user) == 0);
        return f;
}

int kratos_begin_renewal(kratos *k, const secret *token, uint64_t deadline_usec,
        kratos_flow_done done, void *userdata, kratos_call **ret)
{
        const login *l = userdata;

        (void)renewed_by(token, l->row.user);
        (void)kratos_begin_login(k, true, deadline_usec, done, userdata, ret);
        (*ret)->renews = true;
        (*ret)->flags = take(4);
        return 0;
}

int kratos_begin_settings(kratos *k, const secret *token, uint64_t deadline_usec,
        kratos_flow_done done, void *userdata, kratos_call **ret)
{
        require(facts_of_token(token)->made);
        return kratos_begin_login(k, true, deadline_usec, done, userdata, ret);
}

int kratos_change_password(kratos *k, const kratos_flow *flow, const secret *token,
        const secret *password, uint64_t deadline_usec, kratos_change_done done, void *userdata,
        kratos_call **ret)
{
        (void)k;
        (void)deadline_usec;
        require(facts_of_token(token)->granted && uuid_is_valid(flow->id));
        require(secret_size(password) > 0 && secret_size(password) <= ANSWER_MAX);
        (void)begin(userdata, ret);
        (*ret)->change = done;
        return 0;
}

int kratos_begin_second(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret)
{
        const login *l = userdata;
        facts *f = facts_of_nonce(l->row.id);

        (void)k;
        (void)deadline_usec;
        require(anew == f->kept && facts_of_token(token) == holder_of(f));
        if (take(32) == 31)
                return -EBUSY;
        (void)begin(userdata, ret);
        (*ret)->offer = done;
        (*ret)->facts = f;
        (*ret)->flags = take(256);
        return 0;
}

int kratos_begin_second_elsewhere(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret)
{
        int r = kratos_begin_second(k, token, anew, deadline_usec, done, userdata, ret);

        if (r == 0)
                (*ret)->elsewhere = true;
        return r;
}

static bool is_same(const typed *one, const secret *other)
{
        return one->size == secret_size(other) &&
               memcmp(one->bytes, secret_data(other), one->size) == 0;
}

static void note_typed(const secret *answer, typed *ret)
{
        ret->size = secret_size(answer);
        memcpy(ret->bytes, secret_data(answer), ret->size);
}

/* Rules 24 and 43: a code that was right once, or is the password, is not posted again. */
static void check_code(const facts *f, enum kratos_method method, const secret *answer)
{
        if (f->password.size)
                require(!is_same(&f->password, answer));
        for (unsigned i = 0; i < n_used; i++)
                if (method == KRATOS_TOTP && strcmp(used[i].user, f->user) == 0)
                        require(!is_same(&used[i].code, answer));
}

static void check_answer(const kratos_submission *s)
{
        bool sends = s->method == KRATOS_SEND_CODE || s->method == KRATOS_RESEND_CODE;

        require(context_field_is_valid(s->service) && context_field_is_valid(s->tty));
        require(id_is_valid(s->nonce) && uuid_is_valid(s->flow->id));
        require(!s->answer == sends);
        if (!sends)
                require(secret_size(s->answer) > 0 && secret_size(s->answer) <= ANSWER_MAX);
        if (!s->identifier)
                require(s->token && (!sends || (s->address && *s->address)));
        else
                require(strcmp(s->identifier, "alice") == 0 || strcmp(s->identifier, "bob") == 0);
}

static void note_submission(facts *f, const kratos_submission *s)
{
        bool sends = s->method == KRATOS_SEND_CODE || s->method == KRATOS_RESEND_CODE;

        if (s->identifier) {
                snprintf(f->user, sizeof(f->user), "%s", s->identifier);
                f->renews = s->token ? renewed_by(s->token, f->user) : NULL;
                f->kept = false;
        } else {
                require(facts_of_token(s->token) == holder_of(f));
        }
        if (s->method == KRATOS_PASSWORD)
                note_typed(s->answer, &f->password);
        else if (s->answer)
                check_code(f, s->method, s->answer);
        if (sends)
                require(mails-- > 0);
        else
                require(tries > 0);
}

/* One bit at most is wrong, for most of them hide the others. */
static unsigned take_flags(void)
{
        unsigned bit = take(2) ? take(11) : 11;

        return bit < 11 ? 1U << bit : 0;
}

int kratos_submit(kratos *k, const kratos_submission *s, kratos_login_done_handler done,
        void *userdata, kratos_call **ret)
{
        facts *f = facts_of_nonce(s->nonce);

        (void)k;
        check_answer(s);
        note_submission(f, s);
        (void)begin(userdata, ret);
        (*ret)->login = done;
        (*ret)->flags = take_flags();
        (*ret)->method = s->method;
        (*ret)->second = !s->identifier;
        (*ret)->facts = f;
        if (!s->token)
                (*ret)->flags &= ~(unsigned)(OTHER_SESSION | OTHER_TOKEN | LOW_LEVEL);
        if (s->answer)
                note_typed(s->answer, &(*ret)->code);
        return 0;
}
