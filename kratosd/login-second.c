#include <errno.h>
#include <string.h>

#include "body.h"
#include "common/words.h"
#include "login-steps.h"
#include "timespan.h"

/* RFC 4226 §5.3 wants six digits at least; Kratos has six. */
#define TOTP_DIGITS_MIN 6
#define TOTP_DIGITS_MAX 8

#define NONE_SENTENCE                                                                              \
        N_("A second factor is needed here, and you have none: set one up in your account "        \
           "settings.")
#define OTHER_SENTENCE                                                                             \
        N_("Your second factor is a security key or passkey, which cannot be asked for here: add " \
           "an authenticator app or backup codes in your account settings.")
#define SINGLE_SENTENCE                                                                            \
        N_("A second factor is needed, and this program can ask only one question: log in anew.")
#define MAIL_SENTENCE N_("Too many codes were sent to you.")
#define VOID_SENTENCE N_("The login was ended at the server: start again.")

typedef int (*begin_offer)(kratos *k, const secret *token, bool anew, uint64_t deadline_usec,
        kratos_offer_done done, void *userdata, kratos_call **ret);

static void fetch_offer(login *l);
static void ask_for_offer(login *l, begin_offer begin, kratos_offer_done done);

static void refuse_without_way(login *l)
{
        bool other = l->second.offer.other;

        login_refuse_saying(l, VERDICT_NOT_ALLOWED, "second-factor-required",
                other ? OTHER_SENTENCE : NONE_SENTENCE);
}

static bool offers_way(const kratos_offer *offer)
{
        return offer->totp || offer->lookup_secret || offer->n_addresses > 0;
}

static unsigned count_ways(const kratos_offer *offer)
{
        return offer->totp + offer->lookup_secret + offer->n_addresses;
}

/* Sends a code to the address that was chosen, or another one where one was sent before. */
static void send_code(login *l, enum kratos_method method)
{
        uint64_t wait;

        if (login_may_send(l, &wait)) {
                l->answer = secret_free(l->answer);
                l->method = method;
                return login_go_on_second(l);
        }
        if (count_ways(&l->second.offer) > 1)
                return login_ask(l, QUESTION_CHOICE, NOTE_NO_MAIL, false);
        /* What was sent before can still be typed. */
        if (l->second.sent)
                return login_ask(l, QUESTION_CODE, NOTE_NO_MAIL, false);
        login_refuse_for_now(l, "mail-limit", MAIL_SENTENCE, wait);
}

/* Asks for a code that is sent to an address. Where this flow has sent one to another address, it
 * takes another flow to send it. */
static void ask_code(login *l, unsigned address)
{
        login_second *second = &l->second;
        bool other = second->sent && second->address != address;

        second->address = address;
        if (second->sent && !other)
                return login_ask(l, QUESTION_CODE, l->note, false);
        if (!other)
                return send_code(l, KRATOS_SEND_CODE);
        l->method = KRATOS_SEND_CODE;
        l->again = true;
        fetch_offer(l);
}

/* Asks for what people have at hand most often. */
static void ask_usual(login *l)
{
        const kratos_offer *offer = &l->second.offer;

        l->second.asked = true;
        if (offer->totp)
                login_ask(l, QUESTION_TOTP, l->note, false);
        else if (offer->n_addresses > 0)
                ask_code(l, 0);
        else
                login_ask(l, QUESTION_LOOKUP_SECRET, l->note, false);
}

/* Goes on with an answer that was given in a flow which is gone, if the factor is not gone too.
 * What was typed of a code that was sent in that flow is of no use. */
static void resume(login *l)
{
        const kratos_offer *offer = &l->second.offer;
        login_second *second = &l->second;

        if ((l->method == KRATOS_TOTP && offer->totp) ||
                (l->method == KRATOS_LOOKUP_SECRET && offer->lookup_secret))
                return login_go_on_second(l);
        login_settle(l, VERDICT_MORE);
        if (!offers_way(offer))
                return refuse_without_way(l);
        if (l->method == KRATOS_CODE)
                l->note = NOTE_EXPIRED;
        else if (l->method != KRATOS_SEND_CODE && l->method != KRATOS_RESEND_CODE)
                l->note = NOTE_GONE;
        if (l->note != NOTE_GONE && second->address < offer->n_addresses)
                return ask_code(l, second->address);
        ask_usual(l);
}

static bool offers_anything(const kratos_offer *offer)
{
        return offers_way(offer) || offer->other;
}

/* Whether this login needs no second factor, although Kratos was asked for one. */
static bool may_go_without(const login *l)
{
        return l->accepted && !l->second.asked && l->rules.require_aal != REQUIRE_AAL2 &&
               !offers_anything(&l->second.offer);
}

static void take_offer(login *l, const kratos_offer *offer)
{
        l->second.offer = *offer;
        l->second.sent = offer->sent && offer->n_addresses > 0;
        if (l->second.sent)
                l->second.address = 0;
        login_note_offer(l, l->second.sent);
}

/* Goes on with all that Kratos offers. */
static void take_up(login *l)
{
        const kratos_offer *offer = &l->second.offer;

        if (l->again)
                return resume(l);
        if (may_go_without(l))
                return login_grant(l, NULL);
        if (!offers_way(offer))
                return refuse_without_way(l);
        if (l->rules.single_prompt)
                return login_refuse_saying(
                        l, VERDICT_NOT_ALLOWED, "single-prompt", SINGLE_SENTENCE);
        ask_usual(l);
}

/* Whether Kratos has said what it offers; or else the login is refused. */
static bool has_offer(login *l, int outcome)
{
        l->second.fetch = NULL;
        if (l->cancelled)
                login_refuse(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        else if (outcome == KRATOS_NO_SESSION)
                login_refuse_saying(l, VERDICT_NOT_ALLOWED, "first-factor-void", VOID_SENTENCE);
        else if (outcome < 0)
                login_refuse(l, outcome, "internal-fault");
        else if (outcome != KRATOS_OK)
                login_refuse_outcome(l, outcome);
        return !l->cancelled && outcome == KRATOS_OK;
}

static void on_offer_elsewhere(int outcome, const kratos_offer *offer, void *userdata)
{
        login *l = userdata;

        if (!has_offer(l, outcome))
                return;
        l->second.offer.other = offers_anything(offer);
        take_up(l);
}

static void on_offer(int outcome, const kratos_offer *offer, void *userdata)
{
        login *l = userdata;

        if (!has_offer(l, outcome))
                return;
        take_offer(l, offer);
        if (l->again || offers_anything(offer))
                take_up(l);
        else
                ask_for_offer(l, kratos_begin_second_elsewhere, on_offer_elsewhere);
}

/* Asks in one of the two ways, each of which is a new flow. */
static void ask_for_offer(login *l, begin_offer begin, kratos_offer_done done)
{
        _cleanup_secret_ secret *token = NULL;
        int64_t left = login_time_left(l);
        int r;

        if (left <= 0)
                return login_refuse_late(l);
        r = unseal(l->owner->sealer, l->row.token, l->row.token_size, &token);
        if (r == 0)
                r = begin(l->owner->kratos, token, session_row_is_borrowed(&l->row), (uint64_t)left,
                        done, l, &l->second.fetch);
        if (r < 0)
                return login_refuse_start(l, r);
        l->state = LOGIN_FETCHING;
}

/* Asks Kratos what it offers that can be asked for here. */
static void fetch_offer(login *l)
{
        uint64_t wait;

        if (!login_may_offer(l, &wait))
                return login_refuse_for_now(l, "mail-limit", MAIL_SENTENCE, wait);
        ask_for_offer(l, kratos_begin_second, on_offer);
}

/* Whether the first factor is enough, so that Kratos need not be asked for others. That there are
 * none no answer tells: what Kratos knows of it (available_aal) is in none, and an identity in it
 * says so only under required_aal highest_available, which is in none either. */
static bool is_enough(const login *l, const kratos_login *session)
{
        if (!session->identity[0] || l->rules.require_aal == REQUIRE_AAL2)
                return false;
        return session->aal == KRATOS_AAL_UNKNOWN || l->rules.require_aal == REQUIRE_AAL1;
}

void login_begin_second(login *l, const kratos_login *session)
{
        const char *reason = "internal-fault";
        int r;

        if (is_enough(l, session))
                return login_grant(l, session);
        r = login_store_session(l, session, &reason);
        if (r < 0)
                return login_refuse(l, VERDICT_UNAVAILABLE, "store-failed");
        if (r > 0)
                return login_refuse(l, r, reason);
        l->accepted = session->identity[0];
        login_settle(l, VERDICT_MORE);
        if (session->aal == KRATOS_AAL_UNKNOWN)
                return refuse_without_way(l);
        if (l->rules.single_prompt && (!l->accepted || l->rules.require_aal == REQUIRE_AAL2))
                return login_refuse_saying(
                        l, VERDICT_NOT_ALLOWED, "single-prompt", SINGLE_SENTENCE);
        l->answer = secret_free(l->answer);
        l->again = false;
        l->note = NOTE_NONE;
        fetch_offer(l);
}

/* A session that this login made on the way, and that is not the one of its first factor. */
static void revoke_other(login *l, const kratos_login *session)
{
        session_row row = l->row;

        if (seal(l->owner->sealer, session->token, row.token, &row.token_size) < 0)
                return;
        make_id(row.id);
        memcpy(row.session, session->session, sizeof(row.session));
        row.posted = boottime_usec();
        revoker_end(l->owner->revoker, &row);
}

static bool is_same_token(const login *l, const secret *token)
{
        _cleanup_secret_ secret *own = NULL;

        return unseal(l->owner->sealer, l->row.token, l->row.token_size, &own) == 0 &&
               secret_size(own) == secret_size(token) &&
               memcmp(secret_data(own), secret_data(token), secret_size(own)) == 0;
}

/* Whether an answer of 200 says that the second factor of this very session was right: it is the
 * same session, at the higher level, and belongs to the same identity. */
static void judge(login *l, const kratos_login_reply *reply)
{
        const kratos_login *session = reply->login;
        const char *reason = "not-this-login";

        /* Nothing was verified. */
        if (l->method == KRATOS_SEND_CODE || l->method == KRATOS_RESEND_CODE)
                return login_refuse(l, VERDICT_UNAVAILABLE, "kratos-bad-answer");
        if (strcmp(session->session, l->row.session) != 0 || !is_same_token(l, session->token)) {
                if (reply->is_ours)
                        revoke_other(l, session);
                return login_refuse(l, VERDICT_NOT_ALLOWED, reason);
        }
        if (session->lists_devices && !session->has_nonce)
                return login_refuse(l, VERDICT_NOT_ALLOWED, reason);
        if (l->cancelled)
                return login_refuse(l, VERDICT_NO_SUCH_LOGIN, "cancelled");
        if (!session->active)
                return login_refuse(l, VERDICT_NOT_ALLOWED, "session-inactive");
        if (session->inactive_identity)
                return login_refuse(l, VERDICT_DISABLED, "identity-inactive");
        /* One that is renewed may have the higher level from before (rule 33). */
        if (session_row_is_borrowed(&l->row) && session->verified != KRATOS_AAL2)
                return login_refuse(l, VERDICT_NOT_ALLOWED, reason);
        if (session->aal != KRATOS_AAL2 || !session->identity[0])
                return refuse_without_way(l);
        if (l->accepted && strcmp(session->identity, l->row.identity) != 0)
                return login_refuse(l, VERDICT_NOT_ALLOWED, "wrong-identity");
        memcpy(l->row.identity, session->identity, sizeof(l->row.identity));
        login_grant(l, session);
}

/* The hash under which a code is remembered: of the user, to whom one identity belongs. */
static void hash_code(const login *l, unsigned char ret[static SECRET_HASH_SIZE])
{
        hash_secret(l->owner->sealer, l->row.user, l->answer, ret);
}

/* Whether Kratos said, or shows by its silence, that it has not counted the code. */
static bool is_unused(int outcome)
{
        return outcome == KRATOS_WRONG_CODE || outcome == KRATOS_UNREACHABLE ||
               outcome == KRATOS_NOT_ASKED || outcome == KRATOS_RATE_LIMITED ||
               outcome == KRATOS_FLOW_GONE || outcome == KRATOS_NOT_FOUND ||
               outcome == KRATOS_NOT_TAKEN || outcome == KRATOS_NO_FACTOR;
}

static void release_code(login *l, int outcome)
{
        unsigned char hash[SECRET_HASH_SIZE];

        if (l->method != KRATOS_TOTP || !l->answer || !is_unused(outcome))
                return;
        hash_code(l, hash);
        used_codes_forget(&l->owner->used, hash);
        l->second.claimed = false;
}

/* Another flow, once for each answer. */
static void try_again(login *l, const kratos_login_reply *reply)
{
        if (l->again)
                return login_refuse_outcome(l, reply->outcome);
        l->again = true;
        fetch_offer(l);
}

static void on_sent(login *l)
{
        if (l->method != KRATOS_SEND_CODE && l->method != KRATOS_RESEND_CODE)
                return login_refuse(l, VERDICT_UNAVAILABLE, "kratos-error");
        l->second.sent = true;
        login_ask(l, QUESTION_CODE, l->note, l->method == KRATOS_RESEND_CODE);
}

static void on_posted(const kratos_login_reply *reply, void *userdata)
{
        login *l = userdata;

        l->post = NULL;
        l->hurried = reply->hurried;
        release_code(l, reply->outcome);
        switch (reply->outcome) {
        case KRATOS_OK:
                return judge(l, reply);
        case KRATOS_CODE_SENT:
                return on_sent(l);
        case KRATOS_WRONG_CODE:
                login_settle(l, VERDICT_BAD_CREDENTIALS);
                return login_ask(l, l->question, NOTE_WRONG, true);
        case KRATOS_NO_FACTOR:
        case KRATOS_NOT_TAKEN:
        case KRATOS_FLOW_GONE:
        case KRATOS_NOT_FOUND:
                return try_again(l, reply);
        case KRATOS_NO_SESSION:
                login_settle(l, VERDICT_MORE);
                return login_refuse_saying(
                        l, VERDICT_NOT_ALLOWED, "first-factor-void", VOID_SENTENCE);
        case KRATOS_INACTIVE:
                return login_refuse(l, VERDICT_DISABLED, "identity-inactive");
        case KRATOS_FORBIDDEN:
        case KRATOS_DENIED:
                return login_refuse_saying(l, VERDICT_NOT_ALLOWED, "not-allowed", reply->sentence);
        case KRATOS_NO_ANSWER:
                if (reply->stale)
                        return try_again(l, reply);
        }
        if (reply->outcome < 0)
                return login_refuse(l, reply->outcome, "internal-fault");
        login_refuse_outcome(l, reply->outcome);
}

/* Notes a code of an authenticator app as used before Kratos can say so, for two may come at once.
 * One that is posted again after a dead connection is this login's already. */
static bool claim_code(login *l)
{
        unsigned char hash[SECRET_HASH_SIZE];

        if (l->method != KRATOS_TOTP || l->second.claimed)
                return true;
        hash_code(l, hash);
        l->second.claimed = used_codes_add(&l->owner->used, hash, boottime_usec());
        return l->second.claimed;
}

void login_go_on_second(login *l)
{
        int r;

        if (login_time_left(l) <= 0)
                return login_refuse_late(l);
        if (!login_admit(l))
                return;
        if (!claim_code(l)) {
                login_settle(l, VERDICT_MORE);
                return login_ask(l, l->question, NOTE_USED, true);
        }
        l->state = LOGIN_POSTING;
        r = login_submit(l, &l->second.offer.flow, on_posted);
        if (r < 0)
                login_refuse_start(l, r);
}

/* Makes the code what Kratos takes it for, who trims it: so that it is known again when it is
 * replayed. People type the space that their app shows. False where it can be none. */
static int trim_code(login *l, bool *ret_plausible)
{
        _cleanup_secret_ secret *plain = NULL;
        const char *text = secret_data(l->answer);
        size_t size = secret_size(l->answer);
        bool plausible = true;
        int r;

        r = secret_new(size, &plain);
        for (size_t i = 0; i < size && r == 0; i++) {
                if (text[i] >= '0' && text[i] <= '9')
                        r = secret_append(plain, text + i, 1);
                else if (text[i] != ' ' && text[i] != '-' && text[i] != '\t')
                        plausible = false;
        }
        if (r < 0)
                return r;
        *ret_plausible = plausible && secret_size(plain) >= TOTP_DIGITS_MIN &&
                         secret_size(plain) <= TOTP_DIGITS_MAX;
        secret_free(l->answer);
        l->answer = TAKE_PTR(plain);
        return 0;
}

/* sshd's PasswordAuthentication answers every hidden prompt with the password. (rule 43) */
static bool is_password(const login *l)
{
        unsigned char hash[SECRET_HASH_SIZE];

        if (!l->has_password)
                return false;
        hash_secret(l->owner->sealer, l->id, l->answer, hash);
        return memcmp(hash, l->password, sizeof(hash)) == 0;
}

/* An answer that can be right. */
static void verify(login *l, enum kratos_method method)
{
        bool plausible = utf8_is_valid(secret_data(l->answer), secret_size(l->answer));
        int r = 0;

        l->method = method;
        l->second.claimed = false;
        l->tries++;
        if (plausible && method == KRATOS_TOTP)
                r = trim_code(l, &plausible);
        if (r < 0)
                return login_refuse(l, r, "internal-fault");
        /* Also where only the spaces around it were others. */
        if (is_password(l))
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "password-repeated");
        if (!plausible)
                return login_ask(l, l->question, NOTE_WRONG, true);
        login_go_on_second(l);
}

/* The factor of that number, in the order in which the choice names them. */
static void take_choice(login *l)
{
        const kratos_offer *offer = &l->second.offer;
        const char *text = secret_data(l->answer);
        unsigned number = secret_size(l->answer) == 1 && *text > '0' && *text <= '9'
                                  ? (unsigned)(*text - '0')
                                  : 0;

        if (number == 0 || number > count_ways(offer))
                return login_ask(l, QUESTION_CHOICE, NOTE_NO_CHOICE, false);
        if (offer->totp && --number == 0)
                return login_ask(l, QUESTION_TOTP, NOTE_NONE, false);
        if (number <= offer->n_addresses)
                return ask_code(l, number - 1);
        login_ask(l, QUESTION_LOOKUP_SECRET, NOTE_NONE, false);
}

static bool wants_other_way(const login *l)
{
        const char *text = secret_data(l->answer);
        size_t size = secret_size(l->answer);

        return (size == 1 && *text == '?') || (size == 0 && l->question != QUESTION_CODE);
}

void login_take_second(login *l)
{
        l->note = NOTE_NONE;
        if (is_password(l))
                return login_refuse(l, VERDICT_BAD_CREDENTIALS, "password-repeated");
        if (l->question == QUESTION_CHOICE)
                return take_choice(l);
        if (wants_other_way(l)) {
                bool several = count_ways(&l->second.offer) > 1;

                return login_ask(l, several ? QUESTION_CHOICE : l->question, NOTE_NONE, false);
        }
        if (l->question == QUESTION_TOTP)
                return verify(l, KRATOS_TOTP);
        if (l->question == QUESTION_LOOKUP_SECRET)
                return verify(l, KRATOS_LOOKUP_SECRET);
        if (secret_size(l->answer) > 0)
                return verify(l, KRATOS_CODE);
        send_code(l, KRATOS_RESEND_CODE);
}
