#include "manager.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "account-check.h"
#include "bus.h"
#include "common/local-users.h"
#include "kratos.h"
#include "local-files.h"
#include "log.h"
#include "login.h"
#include "lookup.h"
#include "refresh.h"
#include "revoker.h"
#include "seal.h"
#include "session.h"
#include "store.h"
#include "throttle.h"
#include "timespan.h"
#include "userdb.h"

#define TAKE_OVER_RETRY_USEC (5 * USEC_PER_SEC)

typedef struct manager {
        sd_event *event;
        sd_event_source *again; /* takes over what an earlier daemon left */
        bool said;              /* that this failed, if it did: it is no longer the first try */
        int64_t start;          /* CLOCK_BOOTTIME, microseconds */
        store *store;
        local_files *local;
        directory *directory;
        lookups *lookups;
        refresh *refresh;
        userdb *userdb;
        accounts accounts;
        sealer *sealer;
        kratos *kratos;
        revoker *revoker;
        sessions *sessions;
        throttle *throttle;
        logins *logins;
        bus_face *manager_face;
        bus_face *user_face;
} manager;

void manager_complain(
        const char *file, unsigned line, bool warning, const char *sentence, void *userdata)
{
        (void)userdata;
        if (line)
                log_message(warning ? LOG_WARNING : LOG_ERR, "%s:%u: %s", file, line, sentence);
        else
                log_message(warning ? LOG_WARNING : LOG_ERR, "%s: %s", file, sentence);
}

static void complain_list(unsigned line, const char *sentence, void *userdata)
{
        manager_complain(LOCAL_USERS_FILE, line, true, sentence, userdata);
}

/* The list is read again at each login; its mistakes are said at the start and on reload. */
static void check_list(void)
{
        int r = local_users_check(LOCAL_USERS_FILE, complain_list, NULL);

        if (r < 0)
                manager_complain(LOCAL_USERS_FILE, 0, false, local_users_describe(r), NULL);
}

/* Upper parts first: each uses those after it. */
static void manager_done(manager *m)
{
        userdb_free(m->userdb);
        /* These three answer what is waited for, on the bus. */
        lookups_free(m->lookups);
        account_checks_end(&m->accounts);
        logins_free(m->logins);
        bus_face_free(m->manager_face);
        bus_face_free(m->user_face);
        sessions_free(m->sessions);
        revoker_free(m->revoker);
        refresh_free(m->refresh);
        directory_free(m->directory);
        local_files_free(m->local);
        throttle_free(m->throttle);
        kratos_free(m->kratos);
        sealer_free(m->sealer);
        store_free(m->store);
        sd_event_source_disable_unref(m->again);
        sd_event_unref(m->event);
}

/* What systemctl status shows. */
static void notify_status(const manager *m)
{
        (void)sd_notify(0, config_names_kratos(kratos_config(m->kratos))
                                   ? "STATUS=Ready for logins"
                                   : "STATUS=Idle until PublicURL= says where Kratos is");
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        _cleanup_config_ config *c = NULL;
        manager *m = userdata;

        (void)source;
        (void)info;
        /* A file that was cut off must not make a host forget where Kratos is. */
        if (config_load(CONFIG_FILE, manager_complain, NULL, &c) < 0 ||
                (!config_names_kratos(c) && config_names_kratos(kratos_config(m->kratos)))) {
                log_message(LOG_ERR, "The configuration has mistakes; the old one stays");
                return 0;
        }
        log_set_level(c->log_level);
        kratos_set_config(m->kratos, c);
        throttle_set_config(m->throttle, c);
        directory_set_config(m->directory, c);
        lookups_forget(m->lookups);
        m->accounts.silent_until = 0;
        refresh_restart(m->refresh);
        logins_forget_flows(m->logins);
        revoker_retry_all(m->revoker);
        check_list();
        notify_status(m);
        log_message(LOG_NOTICE, "The configuration was read again");
        return 0;
}

static int take_signals(manager *m)
{
        sigset_t set;
        int r;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        /* Without a handler, a signal's source ends the loop. */
        r = sd_event_add_signal(m->event, NULL, SIGTERM, NULL, NULL);
        if (r < 0)
                return r;
        r = sd_event_add_signal(m->event, NULL, SIGINT, NULL, NULL);
        if (r < 0)
                return r;
        return sd_event_add_signal(m->event, NULL, SIGHUP, on_reload, m);
}

/* What an earlier daemon left: live sessions are watched again, all else is revoked. A store that
 * cannot be read or written now is asked again later; it keeps nobody else from logging in (rule
 * 23). */
static void take_over(manager *m)
{
        int abandoned = store_abandon_posted(m->store, m->start);
        int r = sessions_start(m->sessions);

        if (m->said)
                revoker_kick(m->revoker);
        else
                revoker_retry_all(m->revoker);
        if (r == 0)
                r = abandoned;
        if (r == 0)
                return;
        if (!m->said)
                log_message(LOG_ERR, "Sessions of before cannot all be taken over yet: %s",
                        strerror(-r));
        m->said = true;
        sd_event_source_set_time_relative(m->again, TAKE_OVER_RETRY_USEC);
        sd_event_source_set_enabled(m->again, SD_EVENT_ONESHOT);
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source;
        (void)usec;
        take_over(userdata);
        return 0;
}

static int make_sealer(manager *m)
{
        int r = sealer_new(STATE_DIRECTORY, &m->sealer);

        if (r == 0)
                return 0;
        if (r < 0) {
                log_message(LOG_ERR, "The key for stored tokens cannot be had: %s", strerror(-r));
                return r;
        }
        log_message(LOG_ERR, "%s is no key for stored tokens: it must be a file of %d bytes",
                r == SEALER_BAD_CREDENTIAL ? "The credential " SEAL_CREDENTIAL
                                           : STATE_DIRECTORY "/" SEAL_KEY_FILE,
                SEAL_KEY_SIZE);
        return MANAGER_MISCONFIGURED;
}

static int make_accounts(manager *m, config *c)
{
        int r;

        r = local_files_new(PASSWD_FILE, GROUP_FILE, &m->local);
        if (r < 0)
                return r;
        r = directory_new(m->store, m->local, c, &m->directory);
        if (r < 0)
                return r;
        r = lookups_new(m->event, m->directory, m->store, m->kratos, &m->lookups);
        if (r < 0)
                return r;
        r = refresh_new(m->event, m->directory, m->store, m->kratos, &m->refresh);
        if (r < 0)
                return r;
        m->accounts = (accounts){ .store = m->store,
                .directory = m->directory,
                .lookups = m->lookups,
                .kratos = m->kratos };
        return 0;
}

/* Accounts are there for NSS before anything else is. Where their socket cannot be had, the daemon
 * does without: whoever is logged in already, or local, must not suffer from it. */
static int serve_accounts(manager *m)
{
        _cleanup_(varlink_listener_freep) varlink_listener *l = NULL;
        int r = varlink_listener_new(USERDB_SOCKET, &l);

        if (r < 0) {
                log_message(LOG_ERR,
                        "%s cannot be listened on, so NSS does not know our people: %s",
                        USERDB_SOCKET, strerror(-r));
                return 0;
        }
        r = userdb_new(m->event, l, m->directory, m->lookups, &m->userdb);
        if (r < 0)
                return r;
        TAKE_PTR(l);
        return 0;
}

static int make_parts(manager *m, config *c)
{
        int r;

        m->start = boottime_usec();
        r = sd_event_add_time_relative(
                m->event, &m->again, CLOCK_BOOTTIME, 0, TIMER_ACCURACY_USEC, on_again, m);
        if (r >= 0)
                r = sd_event_source_set_priority(m->again, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;
        r = store_new(STATE_DIRECTORY, &m->store);
        if (r < 0)
                return r;
        if (store_is_newer(m->store))
                return MANAGER_MISCONFIGURED;
        r = make_sealer(m);
        if (r != 0)
                return r;
        r = kratos_new(m->event, c, &m->kratos);
        if (r < 0)
                return r;
        r = revoker_new(m->event, m->store, m->sealer, m->kratos, &m->revoker);
        if (r < 0)
                return r;
        r = sessions_new(m->event, m->store, m->revoker, &m->sessions);
        if (r < 0)
                return r;
        r = throttle_new(m->store, c, &m->throttle);
        if (r < 0)
                return r;
        r = make_accounts(m, c);
        if (r < 0)
                return r;
        r = serve_accounts(m);
        if (r < 0)
                return r;
        r = logins_new(m->event, &m->accounts, m->sealer, m->kratos, m->revoker, m->sessions,
                m->throttle, &m->logins);
        if (r < 0)
                return r;
        r = bus_face_new(
                m->event, BUS_MANAGER, &m->accounts, m->logins, m->sessions, &m->manager_face);
        if (r < 0)
                return r;
        return bus_face_new(
                m->event, BUS_USER, &m->accounts, m->logins, m->sessions, &m->user_face);
}

int manager_run(config *c)
{
        _cleanup_(manager_done) manager m = { 0 };
        int r;

        log_set_level(c->log_level);
        r = sd_event_new(&m.event);
        if (r >= 0)
                r = take_signals(&m);
        if (r >= 0)
                r = sd_event_set_watchdog(m.event, true);
        if (r >= 0)
                r = make_parts(&m, c);
        if (r > 0)
                return r;
        if (r < 0) {
                log_message(LOG_ERR, "kratosd cannot start: %s", strerror(-r));
                return r;
        }
        /* Before the bus is there, which may be waiting for us, and before the many sessions of a
         * busy host are taken over: nobody is served before that all the same. */
        (void)sd_notify(0, "READY=1");
        notify_status(&m);
        check_list();
        r = sd_event_loop(m.event);
        (void)sd_notify(0, "STOPPING=1");
        return r;
}
