#include "common/words.h"
#include "login-steps.h"
#include "timespan.h"

/* Between two questions to the throttle. */
#define QUEUE_USEC ((int64_t)(USEC_PER_SEC / 20))

#define TRIES_SENTENCE N_("Too many failed tries.")

/* What programs say of themselves counts; a person's locker says nothing that could be relied on.
 */
static throttle_origin origin_of(const login *l)
{
        return (throttle_origin){ .user = l->row.user,
                .service = l->caller.is_program ? l->context.service : "",
                .rhost = l->context.rhost,
                .ruser = l->context.ruser,
                .invented = l->nobody };
}

/* Waits for its turn, as long as it has time. */
static void queue(login *l)
{
        l->queued = true;
        if (login_time_left(l) <= 0)
                return login_refuse_late(l);
        l->state = LOGIN_QUEUED;
        login_set_timer(l, boottime_usec() + QUEUE_USEC);
}

bool login_admit(login *l)
{
        bool sends = l->method == KRATOS_SEND_CODE || l->method == KRATOS_RESEND_CODE;
        enum throttle_kind kind = l->live ? THROTTLE_SECOND_FACTOR : THROTTLE_FIRST_FACTOR;
        throttle_origin from = origin_of(l);
        uint64_t wait = 0;
        int r;

        if (sends || l->attempt)
                return true;
        r = throttle_admit(l->owner->throttle, kind, &from, &wait, &l->attempt);
        if (r == THROTTLE_BUSY)
                queue(l);
        else if (r == THROTTLE_WAIT)
                login_refuse_for_now(l, "throttled", TRIES_SENTENCE, wait);
        else if (r < 0)
                login_refuse(l, r, "internal-fault");
        return r == 0;
}

/* What says nothing about the secret is no failure: nobody has learnt anything from it. */
void login_settle(login *l, int verdict)
{
        throttle_origin from = origin_of(l);

        if (verdict == VERDICT_BAD_CREDENTIALS || verdict == VERDICT_NOT_ALLOWED ||
                verdict == VERDICT_DISABLED)
                l->attempt = throttle_failed(l->attempt);
        l->attempt = throttle_drop(l->attempt);
        if (verdict == VERDICT_GRANTED)
                throttle_succeeded(l->owner->throttle, &from);
}

bool login_may_send(login *l, uint64_t *ret_wait_usec)
{
        throttle_origin from = origin_of(l);

        return throttle_mail(l->owner->throttle, &from, ret_wait_usec) == 0;
}

bool login_may_offer(login *l, uint64_t *ret_wait_usec)
{
        throttle_origin from = origin_of(l);

        if (l->second.mail_counted || !throttle_mails_unasked(l->owner->throttle, &from))
                return true;
        l->second.mail_counted = login_may_send(l, ret_wait_usec);
        return l->second.mail_counted;
}

void login_note_offer(login *l, bool sent)
{
        throttle_origin from = origin_of(l);
        uint64_t wait;

        throttle_note_unasked_mail(l->owner->throttle, &from, sent);
        /* The first one could not be foreseen. */
        if (sent && !l->second.mail_counted)
                (void)login_may_send(l, &wait);
        l->second.mail_counted = false;
}
