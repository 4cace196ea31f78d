#include "methods.h"

#include <errno.h>
#include <string.h>

#include "adoption.h"
#include "common/words.h"
#include "operation.h"

/* A context has five keys. */
#define CONTEXT_ENTRIES_MAX 5

static int copy_field(login_context *context, const char *key, const char *value)
{
        const struct {
                const char *key;
                char *field;
        } fields[] = {
                { CONTEXT_PURPOSE, context->purpose },
                { CONTEXT_SERVICE, context->service },
                { CONTEXT_TTY, context->tty },
                { CONTEXT_RHOST, context->rhost },
                { CONTEXT_RUSER, context->ruser },
        };

        if (!context_field_is_valid(value))
                return VERDICT_INVALID;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                if (strcmp(key, fields[i].key) == 0) {
                        snprintf(fields[i].field, CONTEXT_FIELD_MAX + 1, "%s", value);
                        return 0;
                }
        return VERDICT_INVALID;
}

static int read_context(sd_bus_message *m, login_context *ret)
{
        login_context context = { 0 };
        const char *key, *value;
        int r, entries = 0;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                if (++entries > CONTEXT_ENTRIES_MAX || sd_bus_message_read(m, "s", &key) < 0 ||
                        sd_bus_message_read(m, "v", "s", &value) < 0)
                        return VERDICT_INVALID;
                r = copy_field(&context, key, value);
                if (r != 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        *ret = context;
        return 0;
}

/* A call that carries descriptors where none are wanted is refused, and they are closed with it. */
static int check_signature(sd_bus_message *m, const char *signature)
{
        return sd_bus_message_has_signature(m, signature) ? 0 : VERDICT_INVALID;
}

static int append_prompt(sd_bus_message *m, const login_prompt *prompt)
{
        char text[PROMPT_TEXT_MAX + 1];
        int r;

        (void)words_render(prompt->words, NULL, text);
        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(m, "{sv}{sv}{sv}", PROMPT_KIND, "s", prompt->kind,
                        PROMPT_TEXT, "s", text, PROMPT_ECHO, "b", (int)prompt->echo);
        if (r >= 0 && strcmp(prompt->words, text) != 0)
                r = sd_bus_message_append(m, "{sv}", PROMPT_WORDS, "s", prompt->words);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int begin_login(operation *o, sd_bus_message **ret)
{
        sd_bus_message *m = o->message;
        char id[ID_LENGTH + 1];
        login_context context;
        login_prompt prompt;
        const char *user;
        int r;

        r = sd_bus_message_read(m, "s", &user);
        if (r < 0)
                return r;
        r = read_context(m, &context);
        if (r == 0)
                r = login_begin(o->all->logins, o->caller, user, &context, id, &prompt);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(m, ret);
        if (r >= 0)
                r = sd_bus_message_append(*ret, "s", id);
        if (r >= 0)
                r = append_prompt(*ret, &prompt);
        return r < 0 ? r : 0;
}

/* Sends what a method made, or says why it made nothing. */
static void conclude(operation *o, int r, sd_bus_message *reply)
{
        if (r == 0) {
                operation_reply(o, reply);
                return;
        }
        sd_bus_message_unref(reply);
        operation_answer(o, r);
}

static void begin_login_now(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        sd_bus_message *reply = NULL;
        int r = begin_login(o, &reply);

        conclude(o, r, reply);
}

/* The name is known now, or is nobody's. */
static void on_looked_up(void *userdata)
{
        operation *o = userdata;

        o->lookup = NULL;
        o->then(o);
}

/* What keeps our accounts from being read until somebody mends the disk (store.c). */
static bool is_fault_of_store(int error)
{
        return error == -EROFS || error == -ENOSPC || error == -EIO || error == -EUCLEAN;
}

/* Goes on once the call's first argument, a user's name, is one that is known here, if it can be:
 * for a name that is not, a login program may have to wait for Kratos. A person, who is here, is
 * known. */
static void with_user(operation *taken, const char *signature, void (*then)(operation *o))
{
        _cleanup_operation_ operation *o = taken;
        local_user account;
        const char *user;
        int r;

        if (check_signature(o->message, signature) != 0 ||
                sd_bus_message_read(o->message, "s", &user) < 0 ||
                sd_bus_message_rewind(o->message, true) < 0)
                return operation_answer(o, VERDICT_INVALID);
        o->then = then;
        r = account_find(o->all->accounts, user, &account);
        if (r == VERDICT_UNKNOWN_USER && o->caller.is_program)
                r = lookup_begin(o->all->accounts->lookups, o->caller.uid, user, on_looked_up, o,
                        &o->lookup);
        if (o->lookup)
                TAKE_PTR(o);
        else if (r < 0)
                operation_answer(o, is_fault_of_store(r) ? VERDICT_UNAVAILABLE : r);
        else
                then(TAKE_PTR(o));
}

static void on_place(const session_place *place, void *userdata)
{
        operation *o = userdata;

        o->place = NULL;
        o->caller.place = *place;
        begin_login_now(o);
}

/* A login within a session of the same user may renew that (rule 34): only where there is one,
 * logind is asked. */
static void find_place(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        bus_process process = { .pid = o->process.pid, .pidfd = TAKE_FD(o->process.pidfd) };
        local_user account;
        const char *user;

        if (sd_bus_message_read(o->message, "s", &user) < 0 ||
                sd_bus_message_rewind(o->message, true) < 0)
                return operation_answer(o, VERDICT_INVALID);
        if (login_find_account(o->all->logins, o->caller, user, &account) != 0 ||
                !sessions_may_renew(o->all->sessions, user)) {
                closep(&process.pidfd);
                return begin_login_now(TAKE_PTR(o));
        }
        if (logind_ask(sd_bus_message_get_bus(o->message), process, on_place, o, &o->place) < 0)
                return begin_login_now(TAKE_PTR(o));
        TAKE_PTR(o);
}

static void run_begin_login(operation *o)
{
        with_user(o, "sa{sv}", find_place);
}

static int make_answer(operation *o, const login_result *result, sd_bus_message **ret)
{
        bool granted = result->verdict == VERDICT_GRANTED;
        int r = sd_bus_message_new_method_return(o->message, ret);

        if (r >= 0)
                r = sd_bus_message_append(*ret, "s", granted ? STATE_GRANTED : STATE_PROMPT);
        if (r >= 0 && granted)
                r = sd_bus_message_append(*ret, "a{sv}", 0);
        else if (r >= 0)
                r = append_prompt(*ret, &result->prompt);
        return r < 0 ? r : 0;
}

/* What an answer led to: it may come long after the call, or the caller. */
static void on_answered(const login_result *result, void *userdata)
{
        _cleanup_operation_ operation *o = userdata;
        sd_bus_message *reply = NULL;
        int r;

        if (result->verdict != VERDICT_GRANTED && result->verdict != VERDICT_MORE)
                return operation_answer_with(o, result->verdict, result->sentence);
        r = make_answer(o, result, &reply);
        conclude(o, r, reply);
}

/* The secret is NULL where the login's own socket has it. */
static void pass_answer(operation *taken, const char *id, const secret *answer)
{
        _cleanup_operation_ operation *o = taken;
        int r = login_answer(o->all->logins, o->caller, id, answer, on_answered, o);

        if (r != 0)
                return operation_answer(o, r);
        TAKE_PTR(o);
}

static void run_answer(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        _cleanup_secret_ secret *answer = NULL;
        const char *id;
        int fd;

        if (check_signature(o->message, "sh") != 0 ||
                sd_bus_message_read(o->message, "sh", &id, &fd) < 0 || !id_is_valid(id) ||
                secret_from_memfd(fd, &answer) < 0)
                return operation_answer(o, VERDICT_INVALID);
        pass_answer(TAKE_PTR(o), id, answer);
}

static void run_answer_by_socket(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        const char *id;

        if (check_signature(o->message, "s") != 0 ||
                sd_bus_message_read(o->message, "s", &id) < 0 || !id_is_valid(id))
                return operation_answer(o, VERDICT_INVALID);
        pass_answer(TAKE_PTR(o), id, NULL);
}

static void run_cancel_login(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        const char *id;

        if (check_signature(o->message, "s") != 0 ||
                sd_bus_message_read(o->message, "s", &id) < 0 || !id_is_valid(id))
                return operation_answer(o, VERDICT_INVALID);
        operation_answer(o, login_cancel(o->all->logins, o->caller, id));
}

static void on_checked(int verdict, const char *sentence, void *userdata)
{
        _cleanup_operation_ operation *o = userdata;
        bool expired = verdict == VERDICT_CHANGE_DEMANDED;
        sd_bus_message *reply = NULL;
        int r;

        o->check = NULL;
        if (verdict != 0 && !expired)
                return operation_answer_with(o, verdict, sentence);
        r = sd_bus_message_new_method_return(o->message, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "ss",
                        expired ? VERDICT_PASSWORD_EXPIRED : VERDICT_OK, expired ? sentence : "");
        conclude(o, r < 0 ? r : 0, reply);
}

static void check_account_now(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        account_check *check = NULL;
        login_context context;
        local_user account;
        const char *user;
        int r;

        r = sd_bus_message_read(o->message, "s", &user) < 0 ? VERDICT_INVALID : 0;
        if (r == 0)
                r = read_context(o->message, &context);
        if (r == 0)
                r = login_find_account(o->all->logins, o->caller, user, &account);
        if (r == 0)
                r = account_check_begin(o->all->accounts, o->caller.is_program, user, &account,
                        context.service, o->caller.is_program ? context.rhost : "", on_checked, o,
                        &check);
        if (r != 0)
                return operation_answer(o, r);
        /* It is gone if the check has called back already. */
        if (check)
                o->check = check;
        TAKE_PTR(o);
}

static void run_check_account(operation *o)
{
        with_user(o, "sa{sv}", check_account_now);
}

static int open_session(operation *o, int *ret_lifeline, sd_bus_message **ret)
{
        const char *user, *login, *identity;
        char id[ID_LENGTH + 1];
        login_context context;
        local_user account;
        int r;

        r = sd_bus_message_read(o->message, "ss", &user, &login);
        if (r < 0)
                return r;
        r = read_context(o->message, &context);
        if (r != 0)
                return r;
        if (!user_name_is_valid(user) || !id_is_valid(login))
                return VERDICT_INVALID;
        r = account_find(o->all->accounts, user, &account);
        if (r < 0)
                return r;
        identity = r == 0 ? account.identity : "";
        if (strcmp(context.purpose, PURPOSE_CHANGE_PASSWORD) == 0)
                r = sessions_open_change(
                        o->all->sessions, user, identity, login, context.service, id, ret_lifeline);
        else
                r = sessions_open(o->all->sessions, user, identity, login, context.service,
                        o->process.pid, id, ret_lifeline);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_return(o->message, ret);
        if (r >= 0)
                r = sd_bus_message_append(*ret, "sh", id, *ret_lifeline);
        return r < 0 ? r : 0;
}

/* If the reply does not arrive, its lifeline is closed with it, and the session ends. */
static void run_open_session(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        _cleanup_close_ int lifeline = -1;
        sd_bus_message *reply = NULL;
        int r = check_signature(o->message, "ssa{sv}");

        if (r == 0)
                r = open_session(o, &lifeline, &reply);
        conclude(o, r, reply);
}

/* What became of a new password: it may come long after the call, or the caller. */
static void on_changed(const login_result *result, void *userdata)
{
        _cleanup_operation_ operation *o = userdata;

        operation_answer_with(o, result->verdict, result->sentence);
}

static void run_change_password(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        _cleanup_secret_ secret *password = NULL;
        const char *id;
        int fd, r;

        if (check_signature(o->message, "sh") != 0 ||
                sd_bus_message_read(o->message, "sh", &id, &fd) < 0 || !id_is_valid(id) ||
                secret_from_memfd(fd, &password) < 0)
                return operation_answer(o, VERDICT_INVALID);
        r = login_change_password(o->all->logins, id, password, on_changed, o);
        if (r != 0)
                return operation_answer(o, r);
        TAKE_PTR(o);
}

static void run_close_session(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        const char *id;

        if (check_signature(o->message, "s") != 0 ||
                sd_bus_message_read(o->message, "s", &id) < 0 || !id_is_valid(id))
                return operation_answer(o, VERDICT_INVALID);
        operation_answer(o, sessions_close(o->all->sessions, id));
}

/* The administrator's word about an account, from kratosd's own command line (command.c). */
static void run_add_account(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        accounts *a = o->all->accounts;
        const char *name, *identity;
        int r;

        if (check_signature(o->message, "ss") != 0 ||
                sd_bus_message_read(o->message, "ss", &name, &identity) < 0 ||
                !user_name_is_valid(name) || !uuid_is_valid(identity))
                return operation_answer(o, VERDICT_INVALID);
        r = adopt_by_hand(a->directory, a->store, name, identity);
        if (r == ADOPTION_REFUSED)
                return operation_answer_with(o, VERDICT_NOT_ALLOWED, ADOPTION_REFUSED_SENTENCE);
        lookups_forget(a->lookups);
        operation_answer(o, r);
}

static void run_unpin(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        accounts *a = o->all->accounts;
        const char *name;
        int r;

        if (check_signature(o->message, "s") != 0 ||
                sd_bus_message_read(o->message, "s", &name) < 0 || !user_name_is_valid(name))
                return operation_answer(o, VERDICT_INVALID);
        r = adoption_unpin(a->store, name);
        if (r == -ENOENT)
                return operation_answer_with(
                        o, VERDICT_UNKNOWN_USER, "The name is pinned to nobody here");
        lookups_forget(a->lookups);
        operation_answer(o, r);
}

static int make_count(operation *o, sd_bus_message **ret)
{
        unsigned left = 0;
        int r = sessions_end_all(o->all->sessions);

        if (r == 0)
                r = sessions_count_ended(o->all->sessions, &left);
        if (r == 0)
                r = sd_bus_message_new_method_return(o->message, ret);
        return r < 0 ? r : sd_bus_message_append(*ret, "u", left);
}

static void run_revoke_all(operation *taken)
{
        _cleanup_operation_ operation *o = taken;
        sd_bus_message *reply = NULL;
        int r;

        if (check_signature(o->message, "") != 0)
                return operation_answer(o, VERDICT_INVALID);
        r = make_count(o, &reply);
        conclude(o, r < 0 ? r : 0, reply);
}

#define DEFINE_METHOD(name)                                                                        \
        static int method_##name(sd_bus_message *m, void *userdata, sd_bus_error *error)           \
        {                                                                                          \
                (void)error;                                                                       \
                return operation_start(userdata, m, run_##name);                                   \
        }                                                                                          \
        struct method_##name##_needs_a_semicolon

DEFINE_METHOD(begin_login);
DEFINE_METHOD(answer);
DEFINE_METHOD(answer_by_socket);
DEFINE_METHOD(cancel_login);
DEFINE_METHOD(check_account);
DEFINE_METHOD(open_session);
DEFINE_METHOD(change_password);
DEFINE_METHOD(close_session);
DEFINE_METHOD(add_account);
DEFINE_METHOD(unpin);
DEFINE_METHOD(revoke_all);

/* All are "unprivileged": sd-bus's own check of the caller would block. Ours is in operation.c. */
#define SHARED_METHODS                                                                             \
        SD_BUS_METHOD_WITH_ARGS("BeginLogin", SD_BUS_ARGS("s", user, "a{sv}", context),            \
                SD_BUS_RESULT("s", login, "a{sv}", prompt), method_begin_login,                    \
                SD_BUS_VTABLE_UNPRIVILEGED),                                                       \
                SD_BUS_METHOD_WITH_ARGS("CancelLogin", SD_BUS_ARGS("s", login), SD_BUS_NO_RESULT,  \
                        method_cancel_login, SD_BUS_VTABLE_UNPRIVILEGED),                          \
                SD_BUS_METHOD_WITH_ARGS("CheckAccount", SD_BUS_ARGS("s", user, "a{sv}", context),  \
                        SD_BUS_RESULT("s", verdict, "s", message), method_check_account,           \
                        SD_BUS_VTABLE_UNPRIVILEGED)

const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SHARED_METHODS,
        SD_BUS_METHOD_WITH_ARGS("Answer", SD_BUS_ARGS("s", login, "h", secret),
                SD_BUS_RESULT("s", state, "a{sv}", prompt), method_answer,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenSession", SD_BUS_ARGS("s", user, "s", login, "a{sv}", context),
                SD_BUS_RESULT("s", session, "h", lifeline), method_open_session,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ChangePassword", SD_BUS_ARGS("s", session, "h", secret),
                SD_BUS_NO_RESULT, method_change_password, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CloseSession", SD_BUS_ARGS("s", session), SD_BUS_NO_RESULT,
                method_close_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("AddAccount", SD_BUS_ARGS("s", user, "s", identity),
                SD_BUS_NO_RESULT, method_add_account, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Unpin", SD_BUS_ARGS("s", user), SD_BUS_NO_RESULT, method_unpin,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RevokeAll", SD_BUS_NO_ARGS, SD_BUS_RESULT("u", left),
                method_revoke_all, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

const sd_bus_vtable user_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SHARED_METHODS,
        SD_BUS_METHOD_WITH_ARGS("Answer", SD_BUS_ARGS("s", login),
                SD_BUS_RESULT("s", state, "a{sv}", prompt), method_answer_by_socket,
                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};
