/*
 * What stands in for systemd-logind on the bus of the tests' world: it answers GetSessionByPID and
 * a session's properties, and nothing else, as a file says that it reads for each question. A line
 * of it is "PID LEADER UID SINCE STATE": the process, and those below it, are in a session. A line
 * of one word says how logind misbehaves.
 *
 * logind FILE
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define SESSIONS "/org/freedesktop/login1/session/s"

typedef struct line {
        unsigned pid, leader, uid;
        uint64_t since;
        char state[16];
} line;

static const char *file;

static unsigned parent_of(unsigned pid)
{
        char path[64], text[512], *end;
        unsigned parent = 0;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%u/stat", pid);
        f = fopen(path, "re");
        if (!f)
                return 0;
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        end = strrchr(text, ')');
        if (end)
                sscanf(end + 1, " %*c %u", &parent);
        return parent;
}

/* The line of a number, counted from 1, or else that of a process. */
static unsigned find(unsigned number, unsigned pid, line *ret)
{
        FILE *f = fopen(file, "re");
        unsigned n = 0, found = 0;
        char text[128];
        line l;

        while (f && !found && fgets(text, sizeof(text), f)) {
                if (sscanf(text, "%u %u %u %lu %15s", &l.pid, &l.leader, &l.uid, &l.since,
                            l.state) != 5)
                        continue;
                if (++n == number || (!number && l.pid == pid))
                        found = n;
        }
        if (f)
                fclose(f);
        if (found)
                *ret = l;
        return found;
}

static int misbehaves(const char *how)
{
        FILE *f = fopen(file, "re");
        char text[128];
        int does = 0;

        while (f && fgets(text, sizeof(text), f))
                does |= strncmp(text, how, strlen(how)) == 0;
        if (f)
                fclose(f);
        return does;
}

static int get_session_by_pid(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        unsigned pid, found = 0;
        char path[64];
        line l;

        (void)userdata;
        if (sd_bus_message_read(m, "u", &pid) < 0 || misbehaves("hangs"))
                return 1;
        if (misbehaves("answers-with-numbers"))
                return sd_bus_reply_method_return(m, "u", 7U);
        for (; pid > 1 && !found; pid = parent_of(pid))
                found = find(0, pid, &l);
        if (!found)
                return sd_bus_error_set(error, "org.freedesktop.login1.NoSessionForPID", "none");
        snprintf(path, sizeof(path), SESSIONS "%u", found);
        return sd_bus_reply_method_return(m, "o", path);
}

static int append(sd_bus_message *m, const line *l)
{
        if (misbehaves("leaves-out-the-leader"))
                return sd_bus_message_append(m, "a{sv}", 3, "User", "(uo)", l->uid, "/u",
                        "TimestampMonotonic", "t", l->since, "State", "s", l->state);
        if (misbehaves("names-two-leaders"))
                return sd_bus_message_append(m, "a{sv}", 5, "Leader", "u", l->leader, "User",
                        "(uo)", l->uid, "/u", "TimestampMonotonic", "t", l->since, "State", "s",
                        l->state, "Leader", "u", l->leader);
        if (misbehaves("names-the-leader"))
                return sd_bus_message_append(m, "a{sv}", 4, "Leader", "s", "1", "User", "(uo)",
                        l->uid, "/u", "TimestampMonotonic", "t", l->since, "State", "s", l->state);
        return sd_bus_message_append(m, "a{sv}", 6, "Id", "s", "1", "Class", "s", "user", "Leader",
                "u", l->leader, "User", "(uo)", l->uid, "/u", "TimestampMonotonic", "t", l->since,
                "State", "s", l->state);
}

static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const char *path = sd_bus_message_get_path(m);
        sd_bus_message *reply = NULL;
        line l;

        if (sd_bus_message_is_method_call(m, "org.freedesktop.login1.Manager", "GetSessionByPID"))
                return get_session_by_pid(m, userdata, error);
        if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "GetAll") ||
                strncmp(path, SESSIONS, strlen(SESSIONS)) != 0)
                return 0;
        if (misbehaves("hangs-then"))
                return 1;
        if (!find((unsigned)atoi(path + strlen(SESSIONS)), 0, &l))
                return sd_bus_error_set(error, "org.freedesktop.DBus.Error.UnknownObject", "gone");
        if (sd_bus_message_new_method_return(m, &reply) < 0 || append(reply, &l) < 0)
                return -ENOMEM;
        sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return 1;
}

int main(int argc, char **argv)
{
        sd_bus *bus = NULL;

        if (argc != 2)
                return 2;
        file = argv[1];
        if (sd_bus_open_system(&bus) < 0 || sd_bus_add_filter(bus, NULL, on_message, NULL) < 0 ||
                sd_bus_request_name(bus, "org.freedesktop.login1", 0) < 0)
                return 1;
        while (sd_bus_process(bus, NULL) >= 0)
                if (sd_bus_wait(bus, UINT64_MAX) < 0)
                        return 1;
        return 1;
}
