#include "operation.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/words.h"
#include "log.h"

static const struct {
        const char *name;
        const char *sentence;
} errors[] = {
        [VERDICT_UNKNOWN_USER] = { ERROR_UNKNOWN_USER, "Not a user of ours" },
        [VERDICT_BAD_CREDENTIALS] = { ERROR_BAD_CREDENTIALS, "Wrong password" },
        [VERDICT_NOT_ALLOWED] = { ERROR_NOT_ALLOWED, N_("Not allowed.") },
        [VERDICT_DISABLED] = { ERROR_ACCOUNT_DISABLED, N_("Your account is disabled.") },
        [VERDICT_THROTTLED] = { ERROR_THROTTLED, N_("Too many tries: try again later.") },
        [VERDICT_UNAVAILABLE] = { ERROR_UNAVAILABLE, UNAVAILABLE_SENTENCE },
        [VERDICT_NO_SUCH_LOGIN] = { ERROR_NO_SUCH_LOGIN, "No such login" },
        [VERDICT_INVALID] = { ERROR_INVALID_ARGUMENT, "Invalid argument" },
        [VERDICT_PASSWORD_REFUSED] = { ERROR_PASSWORD_REFUSED,
                "Kratos does not take that password" },
};

operation *operation_free(operation *o)
{
        if (!o)
                return NULL;
        if (!o->answered)
                operation_answer(o, -EIO);
        o->all->count--;
        LIST_REMOVE(o, list);
        sd_bus_slot_unref(o->asking);
        logind_forget(o->place);
        closep(&o->process.pidfd);
        lookup_cancel(o->lookup);
        account_check_cancel(o->check);
        sd_bus_message_unref(o->message);
        free(o);
        return NULL;
}

void operations_forget(operations *all)
{
        operation *o = LIST_FIRST(&all->list);

        while (o) {
                operation *next = LIST_NEXT(o, list);

                if (o->asking || o->place)
                        operation_free(o);
                o = next;
        }
}

void operation_answer(operation *o, int verdict)
{
        operation_answer_with(o, verdict, NULL);
}

/* Sends an error: its message in English, and after that its words, where they are more. */
static void send_error(sd_bus_message *call, const char *name, const char *words)
{
        char text[PROMPT_TEXT_MAX + 1];
        sd_bus_error error = SD_BUS_ERROR_MAKE_CONST(name, text);
        sd_bus_message *reply = NULL;
        int r;

        (void)words_render(words, NULL, text);
        r = sd_bus_message_new_method_error(call, &reply, &error);
        if (r >= 0 && strcmp(words, text) != 0)
                r = sd_bus_message_append(reply, "s", words);
        if (r >= 0)
                (void)sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
}

void operation_answer_with(operation *o, int verdict, const char *sentence)
{
        o->answered = true;
        if (verdict == 0)
                (void)sd_bus_reply_method_return(o->message, NULL);
        else if (verdict > 0)
                send_error(o->message, errors[verdict].name,
                        sentence ? sentence : errors[verdict].sentence);
        else
                send_error(o->message, ERROR_FAILED, "kratosd failed");
}

void operation_reply(operation *o, sd_bus_message *reply)
{
        o->answered = true;
        (void)sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
}

/* Calls of a uid of which the bus has said that they are. */
static unsigned count_of_uid(const operations *all, uid_t uid)
{
        unsigned count = 0;
        operation *o;

        LIST_FOREACH (o, &all->list, list)
                count += !o->asking && o->caller.uid == uid;
        return count;
}

/* Calls of a connection of which the bus has not said yet whose they are. */
static unsigned count_of_sender(const operations *all, const char *sender)
{
        unsigned count = 0;
        operation *o;

        LIST_FOREACH (o, &all->list, list)
                count += o->asking && strcmp(sd_bus_message_get_sender(o->message), sender) == 0;
        return count;
}

static int read_credential(sd_bus_message *m, uid_t *ret_uid, bus_process *ret_process)
{
        const char *name;
        uint32_t number;
        int r, fd;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;
        if (strcmp(name, "UnixUserID") == 0) {
                r = sd_bus_message_read(m, "v", "u", &number);
                if (r >= 0)
                        *ret_uid = number;
        } else if (strcmp(name, "ProcessID") == 0) {
                r = sd_bus_message_read(m, "v", "u", &number);
                if (r >= 0)
                        ret_process->pid = (pid_t)number;
        } else if (strcmp(name, "ProcessFD") == 0 && ret_process->pidfd < 0) {
                r = sd_bus_message_read(m, "v", "h", &fd);
                if (r >= 0)
                        ret_process->pidfd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        } else {
                r = sd_bus_message_skip(m, "v");
        }
        return r;
}

/* The pidfd is the process's where the bus has it: from dbus-daemon 1.15.8 and dbus-broker 30 on.
 */
static int read_credentials(sd_bus_message *m, uid_t *ret_uid, bus_process *ret_process)
{
        uid_t uid = (uid_t)-1;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_credential(m, &uid, ret_process);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0 || uid == (uid_t)-1)
                return r < 0 ? r : -ENXIO;
        *ret_uid = uid;
        return 0;
}

/* The bus's word on who called. */
static int on_caller(sd_bus_message *answer, void *userdata, sd_bus_error *error)
{
        _cleanup_operation_ operation *o = userdata;
        void (*run)(operation * o);
        uid_t uid;

        (void)error;
        /* The caller may be gone already, or the bus: then nobody hears the reply. */
        if (sd_bus_message_is_method_error(answer, NULL) ||
                read_credentials(answer, &uid, &o->process) < 0)
                return 0;
        o->asking = sd_bus_slot_unref(o->asking);
        o->caller = (login_caller){
                .uid = uid, .is_program = o->all->root_only, .pid = o->process.pid
        };
        if (o->all->root_only && uid != 0) {
                log_message(LOG_WARNING, "uid %u called %s, which is for root alone", uid,
                        sd_bus_message_get_member(o->message));
                operation_answer(o, VERDICT_NOT_ALLOWED);
                return 0;
        }
        if (!o->all->root_only && count_of_uid(o->all, uid) > OPERATIONS_PER_UID_MAX) {
                operation_answer(o, VERDICT_THROTTLED);
                return 0;
        }
        run = o->run;
        run(TAKE_PTR(o));
        return 0;
}

/* Whether what is left of a container, or of the message, is small. Counts down in left. */
static bool is_small(sd_bus_message *m, size_t *left)
{
        const char *contents, *text;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                size_t size = 1;
                char skipped[] = { type, '\0' };

                if (contents) {
                        if (sd_bus_message_enter_container(m, type, contents) <= 0 ||
                                !is_small(m, left) || sd_bus_message_exit_container(m) < 0)
                                return false;
                } else if (type == SD_BUS_TYPE_STRING || type == SD_BUS_TYPE_OBJECT_PATH) {
                        if (sd_bus_message_read_basic(m, type, &text) < 0)
                                return false;
                        size += strlen(text);
                } else if (sd_bus_message_skip(m, skipped) < 0) {
                        return false;
                }
                if (size > *left)
                        return false;
                *left -= size;
        }
        return r == 0;
}

/* The bus takes messages of 32 MiB. One that is held until the bus has said who sent it must be
 * small: what the bus says comes after whatever else waits there. */
static bool may_be_held(sd_bus_message *m)
{
        size_t left = CALL_SIZE_MAX;

        return is_small(m, &left) && sd_bus_message_rewind(m, true) >= 0;
}

int operation_start(operations *all, sd_bus_message *message, void (*run)(operation *o))
{
        _cleanup_operation_ operation *o = NULL;
        int r;

        if (all->count >= OPERATIONS_MAX ||
                (!all->root_only && count_of_sender(all, sd_bus_message_get_sender(message)) >=
                                            OPERATIONS_PER_SENDER_MAX))
                return sd_bus_reply_method_errorf(message, ERROR_THROTTLED, "Too many calls");
        if (!may_be_held(message))
                return sd_bus_reply_method_errorf(
                        message, ERROR_INVALID_ARGUMENT, "The call is too large");
        o = calloc(1, sizeof(operation));
        if (!o)
                return -ENOMEM;
        all->count++;
        LIST_INSERT_HEAD(&all->list, o, list);
        o->all = all;
        o->message = sd_bus_message_ref(message);
        o->run = run;
        o->process.pidfd = -1;
        r = sd_bus_call_method_async(sd_bus_message_get_bus(message), &o->asking,
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                "GetConnectionCredentials", on_caller, o, "s", sd_bus_message_get_sender(message));
        if (r >= 0)
                TAKE_PTR(o);
        return 1;
}
