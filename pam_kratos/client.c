#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <systemd/sd-bus.h>

#include "connection.h"
#include "hand-over.h"
#include "names.h"

/* What parts words (words.h). */
#define WORDS_CONTROLS "\n\t"

#define EXPORT __attribute__((visibility("default")))

/* One method call, from its connection to its answer. */
typedef struct exchange {
        client *client;
        patience patience;
        sd_bus *bus;
        sd_bus_message *request, *reply;
} exchange;

static uint64_t min_usec(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Ends it, and takes the time that it took from what the PAM call may spend. */
static void exchange_end(exchange *x)
{
        uint64_t spent = now_usec() - x->patience.begun;

        sd_bus_message_unref(x->reply);
        sd_bus_message_unref(x->request);
        connection_close(x->bus);
        x->client->left_usec -= min_usec(spent, x->client->left_usec);
}
#define _cleanup_exchange_ _cleanup_(exchange_end)

/* That nobody answers says nothing where we were kept from hearing it. */
static int heed_stops(const exchange *x, int r)
{
        return r == CLIENT_UNREACHABLE && patience_was_stopped(&x->patience) ? -ECANCELED : r;
}

/* Connects, and begins the message. Those with uid 0 talk to the Manager, all others to the User
 * interface, for their own account only. A message that carries a secret goes to nobody but
 * kratosd; who got any other is looked at when it is answered, while kratosd is at work already. */
static int exchange_begin(exchange *x, uint64_t limit, const char *method, bool secret)
{
        bool manager = geteuid() == 0;
        uint64_t begun = now_usec(), left = x->client->left_usec;
        client_peer *peer = x->client->peer;
        int r;

        x->patience.begun = begun;
        x->patience.until = begun + min_usec(min_usec(limit, BEGIN_DEADLINE_USEC), left);
        r = connection_open(peer, &x->patience, &x->bus);
        if (r == 0 && secret)
                r = connection_identify(x->bus, peer, &x->patience);
        if (r != 0)
                return heed_stops(x, r);
        x->patience.until = begun + min_usec(limit, left);
        r = sd_bus_message_new_method_call(x->bus, &x->request,
                secret ? peer->owner : connection_name(), manager ? MANAGER_PATH : USER_PATH,
                manager ? MANAGER_INTERFACE : USER_INTERFACE, method);
        return r < 0 ? r : sd_bus_message_set_auto_start(x->request, false);
}

/* True for at most PROMPT_TEXT_MAX bytes that a terminal shows as they are: no control characters,
 * but for those that may be there. */
static bool text_is_printable(const char *text, const char *further)
{
        /* Some terminals obey C1 too: U+0080 to U+009F, in UTF-8 C2 80 to C2 9F. That a text is
         * UTF-8 sd-bus has made sure. */
        for (const unsigned char *p = (const unsigned char *)text; *p; p++)
                if ((*p < 0x20 && !strchr(further, *p)) || *p == 0x7f ||
                        (p[0] == 0xc2 && p[1] < 0xa0))
                        return false;
        return strlen(text) <= PROMPT_TEXT_MAX;
}

/* Notes an error that was answered, whose message is all that it says unless there are words. */
static int refused(client *c, sd_bus_message *m, const sd_bus_error *error)
{
        const char *words = error->message;

        if (strlen(error->name) > BUS_NAME_MAX)
                return -EBADMSG;

        memcpy(c->error, error->name, strlen(error->name) + 1);
        c->words[0] = '\0';
        if (!words || !text_is_printable(words, ""))
                return CLIENT_REFUSED;
        if (sd_bus_message_has_signature(m, "ss") > 0 &&
                (sd_bus_message_read(m, "ss", NULL, &words) < 0 ||
                        !text_is_printable(words, WORDS_CONTROLS)))
                words = error->message;
        memcpy(c->words, words, strlen(words) + 1);
        return CLIENT_REFUSED;
}

/* Sends the message, and sees to it that the answer has the types it must have. */
static int exchange_finish(exchange *x, const char *types)
{
        const sd_bus_error *error;
        int r;

        r = connection_call(x->bus, x->request, x->client->peer, &x->patience, &x->reply);
        if (r != 0)
                return heed_stops(x, r);
        error = sd_bus_message_get_error(x->reply);
        if (error)
                return refused(x->client, x->reply, error);
        return sd_bus_message_has_signature(x->reply, types) > 0 ? 0 : -EBADMSG;
}

static int append_field(sd_bus_message *m, const char *key, const char *value)
{
        return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_context(sd_bus_message *m, const client_context *context)
{
        int r;

        if ((r = sd_bus_message_open_container(m, 'a', "{sv}")) < 0 ||
                (r = append_field(m, CONTEXT_PURPOSE, context->purpose)) < 0 ||
                (r = append_field(m, CONTEXT_SERVICE, context->service)) < 0 ||
                (r = append_field(m, CONTEXT_TTY, context->tty)) < 0 ||
                (r = append_field(m, CONTEXT_RHOST, context->rhost)) < 0 ||
                (r = append_field(m, CONTEXT_RUSER,
                         *context->caller ? context->caller : context->ruser)) < 0)
                return r;
        return sd_bus_message_close_container(m);
}

/* Errors of reading are all one: the signature was right, so only a broken answer leads to one, or
 * no memory, which ends the call just the same. */
static int read_string(sd_bus_message *m, const char **ret)
{
        return sd_bus_message_read_basic(m, 's', ret) > 0 ? 0 : -EBADMSG;
}

static int read_id(sd_bus_message *m, char ret[static ID_LENGTH + 1])
{
        const char *id;
        int r;

        r = read_string(m, &id);
        if (r < 0)
                return r;
        if (!id_is_valid(id))
                return -EBADMSG;
        memcpy(ret, id, ID_LENGTH + 1);
        return 0;
}

static int read_text(sd_bus_message *m, const char *controls, char ret[static PROMPT_TEXT_MAX + 1])
{
        const char *text;
        int r;

        r = read_string(m, &text);
        if (r < 0)
                return r;
        if (!text_is_printable(text, controls))
                return -EBADMSG;
        memcpy(ret, text, strlen(text) + 1);
        return 0;
}

/* The name of a kind of prompt: 1 to PROMPT_KIND_MAX of [a-z-]. */
static int read_kind(sd_bus_message *m, char ret[static PROMPT_KIND_MAX + 1])
{
        const char *kind;
        size_t length;
        int r;

        r = read_string(m, &kind);
        if (r < 0)
                return r;
        length = strlen(kind);
        if (length < 1 || length > PROMPT_KIND_MAX ||
                strspn(kind, "abcdefghijklmnopqrstuvwxyz-") != length)
                return -EBADMSG;
        memcpy(ret, kind, length + 1);
        return 0;
}

enum prompt_key { KEY_KIND = 1, KEY_TEXT = 2, KEY_ECHO = 4, KEY_WORDS = 8 };

/* Reads the value of one key, and adds the key to those seen: none may come twice. Keys that are
 * not known are those of a later kratosd. A text is the words where there are no others. */
static int read_prompt_entry(sd_bus_message *m, unsigned *seen, client_prompt *prompt)
{
        static const struct {
                const char *name, *type;
                enum prompt_key key;
        } keys[] = {
                { PROMPT_KIND, "s", KEY_KIND },
                { PROMPT_TEXT, "s", KEY_TEXT },
                { PROMPT_WORDS, "s", KEY_WORDS },
                { PROMPT_ECHO, "b", KEY_ECHO },
        };
        const char *name, *type = NULL;
        char text[PROMPT_TEXT_MAX + 1];
        enum prompt_key key = 0;
        int r, echo = false;

        r = read_string(m, &name);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (strcmp(name, keys[i].name) == 0) {
                        key = keys[i].key;
                        type = keys[i].type;
                }
        if (!type)
                return sd_bus_message_skip(m, "v");
        if (*seen & key || sd_bus_message_enter_container(m, 'v', type) <= 0)
                return -EBADMSG;
        *seen |= key;
        if (key == KEY_KIND)
                r = read_kind(m, prompt->kind);
        else if (key == KEY_TEXT)
                r = read_text(m, "", *seen & KEY_WORDS ? text : prompt->words);
        else if (key == KEY_WORDS)
                r = read_text(m, WORDS_CONTROLS, prompt->words);
        else
                r = sd_bus_message_read_basic(m, 'b', &echo) > 0 ? 0 : -EBADMSG;
        if (r < 0)
                return r;
        if (key == KEY_ECHO)
                prompt->echo = echo;
        return sd_bus_message_exit_container(m);
}

/* Reads a prompt: all of it must be sound, and it must have a kind and a text where one is wanted.
 */
static int read_prompt(sd_bus_message *m, bool wanted, client_prompt *ret)
{
        client_prompt prompt = {};
        unsigned seen = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r <= 0)
                return -EBADMSG;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_prompt_entry(m, &seen, &prompt);
                if (r < 0 || sd_bus_message_exit_container(m) < 0)
                        return -EBADMSG;
        }
        if (r < 0 || sd_bus_message_exit_container(m) < 0)
                return -EBADMSG;
        if (wanted && (seen & (KEY_KIND | KEY_TEXT)) != (KEY_KIND | KEY_TEXT))
                return -EBADMSG;

        *ret = prompt;
        return 0;
}

static int begin_login(
        client *c, const char *user, const client_context *context, client_login *ret)
{
        _cleanup_exchange_ exchange x = { .client = c };
        client_login login = {};
        int r;

        r = exchange_begin(&x, BEGIN_DEADLINE_USEC, "BeginLogin", false);
        if (r != 0)
                return r;
        if ((r = sd_bus_message_append(x.request, "s", user)) < 0 ||
                (r = append_context(x.request, context)) < 0)
                return r;
        r = exchange_finish(&x, "sa{sv}");
        if (r != 0)
                return r;
        if ((r = read_id(x.reply, login.id)) < 0 ||
                (r = read_prompt(x.reply, true, &login.prompt)) < 0)
                return r;

        *ret = login;
        return 0;
}

/* The kratosd that knew a login is gone, and a new one may be there. */
static int forgotten(client *c)
{
        snprintf(c->error, sizeof(c->error), ERROR_NO_SUCH_LOGIN);
        c->words[0] = '\0';
        return CLIENT_REFUSED;
}

/* Puts the secret into the message, or where we are not root to the login's socket. */
static int append_secret(sd_bus_message *m, const char *login, int secret_fd)
{
        int r;

        if (geteuid() == 0)
                return sd_bus_message_append(m, "sh", login, secret_fd);
        r = hand_over(login, secret_fd);
        return r < 0 ? r : sd_bus_message_append(m, "s", login);
}

static int answer(client *c, int secret_fd, client_login *login)
{
        _cleanup_exchange_ exchange x = { .client = c };
        client_prompt prompt = {};
        const char *state;
        bool granted;
        int r;

        r = exchange_begin(&x, ANSWER_DEADLINE_USEC, "Answer", true);
        if (r != 0)
                return r;
        r = append_secret(x.request, login->id, secret_fd);
        if (r == -ENOENT)
                return forgotten(c);
        if (r < 0)
                return r;
        r = exchange_finish(&x, "sa{sv}");
        if (r == CLIENT_UNREACHABLE && !c->peer->owner[0])
                return forgotten(c);
        if (r != 0)
                return r;
        r = read_string(x.reply, &state);
        if (r < 0)
                return r;
        granted = strcmp(state, STATE_GRANTED) == 0;
        if (!granted && strcmp(state, STATE_PROMPT) != 0)
                return -EBADMSG;
        r = read_prompt(x.reply, !granted, &prompt);
        if (r < 0)
                return r;

        login->granted = granted;
        login->prompt = prompt;
        return 0;
}

/* A call that takes one id and answers nothing. */
static int end(client *c, const char *method, const char *id)
{
        _cleanup_exchange_ exchange x = { .client = c };
        int r;

        r = exchange_begin(&x, BEGIN_DEADLINE_USEC, method, false);
        if (r != 0)
                return r;
        r = sd_bus_message_append(x.request, "s", id);
        if (r < 0)
                return r;
        return exchange_finish(&x, "");
}

static int cancel_login(client *c, const char *login)
{
        return end(c, "CancelLogin", login);
}

static int check_account(
        client *c, const char *user, const client_context *context, client_account *ret)
{
        _cleanup_exchange_ exchange x = { .client = c };
        client_account account = {};
        const char *verdict;
        int r;

        r = exchange_begin(&x, ANSWER_DEADLINE_USEC, "CheckAccount", false);
        if (r != 0)
                return r;
        if ((r = sd_bus_message_append(x.request, "s", user)) < 0 ||
                (r = append_context(x.request, context)) < 0)
                return r;
        r = exchange_finish(&x, "ss");
        if (r != 0)
                return r;
        if ((r = read_string(x.reply, &verdict)) < 0 ||
                (r = read_text(x.reply, "", account.words)) < 0)
                return r;
        account.password_expired = strcmp(verdict, VERDICT_PASSWORD_EXPIRED) == 0;
        if (!account.password_expired && strcmp(verdict, VERDICT_OK) != 0)
                return -EBADMSG;

        *ret = account;
        return 0;
}

/* Reads a lifeline: the write end of a FIFO, copied above the standard streams, which a program may
 * have closed and may open again at any time. */
static int read_lifeline(sd_bus_message *m, int *ret_fd)
{
        _cleanup_close_ int copy = -1;
        struct stat st;
        int fd, flags;

        if (sd_bus_message_read_basic(m, 'h', &fd) <= 0)
                return -EBADMSG;
        copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (copy < 0 || fstat(copy, &st) < 0)
                return -errno;
        flags = fcntl(copy, F_GETFL);
        if (flags < 0)
                return -errno;
        if (!S_ISFIFO(st.st_mode) || (flags & O_ACCMODE) != O_WRONLY || flags & O_PATH)
                return -EBADMSG;

        *ret_fd = TAKE_FD(copy);
        return 0;
}

static int try_open_session(client *c, const char *user, const char *login,
        const client_context *context, client_session *ret)
{
        _cleanup_exchange_ exchange x = { .client = c };
        client_session session;
        int r;

        r = exchange_begin(&x, ANSWER_DEADLINE_USEC, "OpenSession", true);
        if (r != 0)
                return r;
        if ((r = sd_bus_message_append(x.request, "ss", user, login)) < 0 ||
                (r = append_context(x.request, context)) < 0)
                return r;
        r = exchange_finish(&x, "sh");
        if (r != 0)
                return r;
        if ((r = read_id(x.reply, session.id)) < 0 ||
                (r = read_lifeline(x.reply, &session.lifeline)) < 0)
                return r;

        *ret = session;
        return 0;
}

/* A kratosd that has started anew since the login was granted knows it all the same. */
static int open_session(client *c, const char *user, const char *login,
        const client_context *context, client_session *ret)
{
        int r = try_open_session(c, user, login, context, ret);

        if (r == CLIENT_UNREACHABLE && !c->peer->owner[0])
                r = try_open_session(c, user, login, context, ret);
        return r;
}

static int try_change_password(client *c, const char *session, int secret_fd)
{
        _cleanup_exchange_ exchange x = { .client = c };
        int r;

        r = exchange_begin(&x, ANSWER_DEADLINE_USEC, "ChangePassword", true);
        if (r != 0)
                return r;
        r = sd_bus_message_append(x.request, "sh", session, secret_fd);
        if (r < 0)
                return r;
        r = exchange_finish(&x, "");
        if (r == 0 || r == CLIENT_REFUSED || (r == CLIENT_UNREACHABLE && !c->peer->owner[0]))
                return r;
        return CLIENT_LOST;
}

/* A kratosd that has started anew goes on with the session, too. */
static int change_password(client *c, const char *session, int secret_fd)
{
        int r = try_change_password(c, session, secret_fd);

        if (r == CLIENT_UNREACHABLE && !c->peer->owner[0])
                r = try_change_password(c, session, secret_fd);
        return r;
}

static int close_session(client *c, const char *session)
{
        return end(c, "CloseSession", session);
}

EXPORT const client_library kratosd_client;
EXPORT const client_library kratosd_client = {
        .abi = CLIENT_ABI,
        .begin_login = begin_login,
        .answer = answer,
        .cancel_login = cancel_login,
        .check_account = check_account,
        .open_session = open_session,
        .change_password = change_password,
        .close_session = close_session,
};
