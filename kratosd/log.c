#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "event-ids.h"
#include "timespan.h"

/* A number of seconds. */
#define WAIT_SIZE 24

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct {
        const char *name;
        const char *id;
        const char *sentence;
        int level;
} events[] = {
        [EVENT_LOGIN_GRANTED] = { "login-granted", EVENT_ID_LOGIN_GRANTED, "Login granted",
                LOG_INFO },
        [EVENT_LOGIN_REFUSED] = { "login-refused", EVENT_ID_LOGIN_REFUSED, "Login refused",
                LOG_NOTICE },
        [EVENT_SESSION_RENEWED] = { "session-renewed", EVENT_ID_SESSION_RENEWED,
                "Kratos session renewed", LOG_INFO },
        [EVENT_SESSION_OPENED] = { "session-opened", EVENT_ID_SESSION_OPENED, "Session opened",
                LOG_INFO },
        [EVENT_SESSION_CLOSED] = { "session-closed", EVENT_ID_SESSION_CLOSED, "Session closed",
                LOG_INFO },
        [EVENT_SESSION_REVOKED] = { "session-revoked", EVENT_ID_SESSION_REVOKED,
                "Kratos session revoked", LOG_INFO },
        [EVENT_REVOCATION_POSTPONED] = { "revocation-postponed", EVENT_ID_REVOCATION_POSTPONED,
                "Kratos session not revoked yet, will be tried again", LOG_WARNING },
        [EVENT_PASSWORD_CHANGED] = { "password-changed", EVENT_ID_PASSWORD_CHANGED,
                "Password changed", LOG_NOTICE },
        [EVENT_PASSWORD_REFUSED] = { "password-refused", EVENT_ID_PASSWORD_REFUSED,
                "New password refused", LOG_NOTICE },
};

/* setlogmask() keeps the level: libc has a place for it, and the daemon needs no global of its own.
 */
void log_set_level(int level)
{
        setlogmask(LOG_UPTO(level));
}

static int is_silent(int level)
{
        return !(setlogmask(0) & LOG_MASK(level));
}

/* sd_journal_send reports success where there is no journal to send to. */
static int have_journal(void)
{
        return access(JOURNAL_SOCKET, F_OK) == 0;
}

static const char *level_name(int level)
{
        static const char *const names[] = { "emergency", "alert", "critical", "error", "warning",
                "notice", "info", "debug" };

        return names[level & LOG_PRIMASK];
}

static const char *or_empty(const char *text)
{
        return text ? text : "";
}

/* Whole seconds, rounded up; "" for none. */
static void write_wait(uint64_t usec, char ret[static WAIT_SIZE])
{
        if (usec > 0)
                snprintf(ret, WAIT_SIZE, "%llu",
                        (unsigned long long)((usec + USEC_PER_SEC - 1) / USEC_PER_SEC));
        else
                ret[0] = '\0';
}

void log_event(enum event event, const event_facts *facts, const char *reason)
{
        const char *user = or_empty(facts->user), *service = or_empty(facts->service);
        const char *rhost = or_empty(facts->rhost), *session = or_empty(facts->session);

        char wait[WAIT_SIZE];

        if (is_silent(events[event].level))
                return;
        write_wait(facts->wait_usec, wait);
        if (!have_journal()) {
                fprintf(stderr,
                        "kratosd: %s: %s (event=%s reason=%s user=%s service=%s rhost=%s "
                        "session=%s%s%s)\n",
                        level_name(events[event].level), events[event].sentence, events[event].name,
                        reason, user, service, rhost, session, *wait ? " wait=" : "", wait);
                return;
        }
        (void)sd_journal_send("MESSAGE=%s: user %s, service %s: %s", events[event].sentence, user,
                service, reason, "MESSAGE_ID=%s", events[event].id, "PRIORITY=%d",
                events[event].level, "KRATOSD_EVENT=%s", events[event].name, "KRATOSD_REASON=%s",
                reason, "KRATOSD_USER=%s", user, "KRATOSD_SERVICE=%s", service, "KRATOSD_RHOST=%s",
                rhost, "KRATOSD_SESSION=%s", session, "KRATOSD_WAIT=%s", wait, NULL);
}

void log_message(int level, const char *format, ...)
{
        _cleanup_free_ char *message = NULL;
        va_list ap;

        if (is_silent(level))
                return;
        va_start(ap, format);
        if (vasprintf(&message, format, ap) < 0)
                message = NULL;
        va_end(ap);
        if (!message)
                return;
        if (have_journal())
                (void)sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d", level, NULL);
        else
                fprintf(stderr, "kratosd: %s: %s\n", level_name(level), message);
}
