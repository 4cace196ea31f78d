#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "adoption.h"
#include "common/interface.h"
#include "config.h"
#include "daemon-user.h"
#include "manager.h"
#include "timespan.h"

/* A bus or daemon that takes longer is as good as none. */
#define REPLY_USEC (10 * USEC_PER_SEC)

/* How long Kratos is waited for, and how often it is asked how far that is. */
#define REVOKE_USEC (5 * USEC_PER_SEC)
#define REVOKE_POLL_USEC (USEC_PER_SEC / 10)

#define _cleanup_bus_ _cleanup_(sd_bus_flush_close_unrefp)

/* What is to be done, and to whom. */
typedef struct command {
        const char *method;
        char name[USER_NAME_MAX + 1];
        char identity[UUID_LENGTH + 1]; /* "" where it takes none */
} command;

__attribute__((format(printf, 2, 3))) static int fail(int status, const char *format, ...)
{
        va_list ap;

        fputs("kratosd: ", stderr);
        va_start(ap, format);
        vfprintf(stderr, format, ap);
        va_end(ap);
        fputc('\n', stderr);
        return status;
}

static int connect_bus(sd_bus **ret)
{
        _cleanup_bus_ sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, BUS_ADDRESS);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, REPLY_USEC);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int call(sd_bus *bus, const command *c, sd_bus_error *error)
{
        if (c->identity[0])
                return sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE,
                        c->method, error, NULL, "ss", c->name, c->identity);
        return sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, c->method,
                error, NULL, "s", c->name);
}

static bool nobody_answers(const sd_bus_error *error)
{
        return sd_bus_error_has_name(error, "org.freedesktop.DBus.Error.ServiceUnknown") ||
               sd_bus_error_has_name(error, "org.freedesktop.DBus.Error.NameHasNoOwner");
}

/* Asks the daemon to do it. True where it has answered, with the exit status. */
static bool ask_daemon(const command *c, int *ret_status)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        int r = connect_bus(&bus);

        if (r >= 0)
                r = call(bus, c, &error);
        if (r >= 0)
                *ret_status = EX_OK;
        else if (sd_bus_error_is_set(&error) && !nobody_answers(&error))
                *ret_status = fail(EX_UNAVAILABLE, "%s", error.message);
        else
                return false;
        return true;
}

static int change_store(directory *d, store *s, const command *c)
{
        return c->identity[0] ? adopt_by_hand(d, s, c->name, c->identity)
                              : adoption_unpin(s, c->name);
}

/* Says what became of a word that was given to the store. */
static int conclude(const command *c, int r)
{
        if (r == -ENOENT)
                return fail(EX_NOUSER, "%s is pinned to nobody here", c->name);
        if (r == -EBUSY)
                return fail(EX_TEMPFAIL, "a kratosd runs here, and cannot be reached over the bus");
        if (r == ADOPTION_REFUSED)
                return fail(EX_DATAERR, "%s", ADOPTION_REFUSED_SENTENCE);
        return r < 0 ? fail(EX_OSERR, "%s", strerror(-r)) : EX_OK;
}

/* Does it without a daemon. */
static int do_alone(const command *c)
{
        _cleanup_config_ config *configuration = NULL;
        _cleanup_(store_freep) store *s = NULL;
        _cleanup_(local_files_freep) local_files *local = NULL;
        _cleanup_(directory_freep) directory *d = NULL;
        int r;

        r = config_load(CONFIG_FILE, manager_complain, NULL, &configuration);
        if (r < 0)
                return fail(EX_CONFIG, "%s cannot be read", CONFIG_FILE);
        r = daemon_user_become(); /* so that the files stay its own */
        if (r < 0)
                return fail(EX_OSERR, "the user %s cannot be had: %s", DAEMON_USER,
                        r == -ENOENT ? "there is none" : strerror(-r));
        r = store_new(STATE_DIRECTORY, &s);
        if (r == 0)
                r = local_files_new(PASSWD_FILE, GROUP_FILE, &local);
        if (r == 0)
                r = directory_new(s, local, configuration, &d);
        return conclude(c, r < 0 ? r : change_store(d, s, c));
}

static int run(const command *c)
{
        int status;

        if (geteuid() != 0)
                return fail(EX_NOPERM, "only root may say so");
        return ask_daemon(c, &status) ? status : do_alone(c);
}

int command_unpin(const char *name)
{
        command c = { .method = "Unpin" };

        if (!user_name_is_valid(name))
                return fail(EX_USAGE, "--unpin takes a user's name");
        snprintf(c.name, sizeof(c.name), "%s", name);
        return run(&c);
}

int command_add_account(const char *assignment)
{
        const char *equals = strchr(assignment, '=');
        command c = { .method = "AddAccount" };

        if (!equals || equals - assignment > USER_NAME_MAX || !uuid_is_valid(equals + 1))
                return fail(EX_USAGE, "--add-account takes NAME=IDENTITY, such as "
                                      "dora=9f425a8d-7efc-4768-8f23-7647a74fdf13");
        snprintf(c.name, sizeof(c.name), "%.*s", (int)(equals - assignment), assignment);
        memcpy(c.identity, equals + 1, sizeof(c.identity));
        if (!user_name_is_valid(c.name))
                return fail(EX_USAGE, "%s cannot be a user's name", c.name);
        return run(&c);
}

static int ask_to_revoke(sd_bus *bus, sd_bus_error *error, unsigned *ret_left)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r = sd_bus_call_method(bus, MANAGER_NAME, MANAGER_PATH, MANAGER_INTERFACE, "RevokeAll",
                error, &reply, NULL);

        return r < 0 ? r : sd_bus_message_read(reply, "u", ret_left);
}

/* Until Kratos has confirmed all, or does not in time. */
static int revoke_all(sd_bus *bus, sd_bus_error *error, unsigned *ret_left)
{
        int64_t end = boottime_usec() + (int64_t)REVOKE_USEC;
        int r;

        while ((r = ask_to_revoke(bus, error, ret_left)) >= 0 && *ret_left > 0 &&
                boottime_usec() < end)
                usleep(REVOKE_POLL_USEC);
        return r;
}

int command_revoke_all(void)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_bus_ sd_bus *bus = NULL;
        unsigned left = 0;
        int r;

        if (geteuid() != 0)
                return fail(EX_NOPERM, "only root may say so");
        r = connect_bus(&bus);
        if (r >= 0)
                r = sd_bus_set_method_call_timeout(bus, REVOKE_USEC);
        if (r >= 0)
                r = revoke_all(bus, &error, &left);
        if (r < 0)
                return fail(EX_UNAVAILABLE,
                        "no kratosd answers here (%s): sessions at Kratos end when it runs again, "
                        "or by themselves",
                        error.message ? error.message : strerror(-r));
        if (left > 0)
                return fail(EX_TEMPFAIL,
                        "Kratos has not confirmed the end of %u session%s yet: kratosd goes on "
                        "trying while it runs; without it, they end by themselves",
                        left, left == 1 ? "" : "s");
        return EX_OK;
}
