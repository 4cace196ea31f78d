#include "answer.h"

#include <errno.h>
#include <json-c/json.h>
#include <json-c/json_visit.h>
#include <string.h>

#include "common/interface.h"

/* Kratos's own answers are at most nine deep. */
#define DEPTH_MAX 32
/* Values in one body: json-c takes some 300 bytes for each. A full page of sessions has 15,000. */
#define VALUES_MAX 20000

/* Of Kratos's message ids (text/id.go) those that matter here. */
#define MESSAGE_BAD_CREDENTIALS 4000006
#define MESSAGE_INACTIVE 4010011
#define MESSAGE_FLOW_EXPIRED 4010001
#define MESSAGE_FLOW_COMPLETED 4010007

DEFINE_CLEANUP(json_object *, json_object_put);
DEFINE_CLEANUP(json_tokener *, json_tokener_free);
#define _cleanup_json_ _cleanup_(json_object_putp)
#define _cleanup_tokener_ _cleanup_(json_tokener_freep)

const char *kratos_outcome_reason(int outcome)
{
        switch (outcome) {
        case KRATOS_UNREACHABLE:
                return "kratos-unreachable";
        case KRATOS_NO_ANSWER:
                return "kratos-timeout";
        case KRATOS_RATE_LIMITED:
                return "kratos-rate-limited";
        case KRATOS_BAD_ANSWER:
                return "kratos-bad-answer";
        default:
                if (outcome < 0)
                        return "internal-fault";
                return "kratos-error";
        }
}

/* How often one of these characters stands outside strings, in a text that is or may be JSON. */
static size_t count_outside(const char *body, size_t size, const char *which)
{
        bool quoted = false;
        size_t count = 0;

        for (size_t i = 0; i < size; i++) {
                if (quoted && body[i] == '\\')
                        i++;
                else if (body[i] == '"')
                        quoted = !quoted;
                else if (!quoted && body[i] && strchr(which, body[i]))
                        count++;
        }
        return count;
}

static int count_member(json_object *value, int flags, json_object *parent, const char *key,
        size_t *index, void *userdata)
{
        (void)value;
        (void)parent;
        (void)index;
        if (key && !(flags & JSON_C_VISIT_SECOND))
                ++*(size_t *)userdata;
        return JSON_C_VISIT_RETURN_CONTINUE;
}

/* Parses a body of any type; NULL for the JSON null. A NUL would end it for json-c, and whatever
 * came after would go unread. A value at the very end, such as null, is complete only with a byte
 * after it. */
static int parse_value(const char *body, size_t size, json_object **ret)
{
        _cleanup_tokener_ json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
        _cleanup_json_ json_object *value = NULL;

        if (!tokener)
                return -ENOMEM;
        if (memchr(body, 0, size) || count_outside(body, size, "{[,") > VALUES_MAX)
                return KRATOS_BAD_ANSWER;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        value = json_tokener_parse_ex(tokener, body, (int)size);
        if (json_tokener_get_error(tokener) == json_tokener_continue)
                value = json_tokener_parse_ex(tokener, "\n", 1);
        if (json_tokener_get_error(tokener) != json_tokener_success)
                return KRATOS_BAD_ANSWER;
        *ret = TAKE_PTR(value);
        return 0;
}

/* Parses an object. A name that stands twice in one object is refused: which of the two counts is a
 * question that no two readers answer alike. */
static int parse(const char *body, size_t size, json_object **ret)
{
        _cleanup_json_ json_object *object = NULL;
        size_t members = 0;
        int r;

        r = parse_value(body, size, &object);
        if (r != 0)
                return r;
        if (!json_object_is_type(object, json_type_object))
                return KRATOS_BAD_ANSWER;
        if (json_c_visit(object, 0, count_member, &members) < 0 ||
                members != count_outside(body, size, ":"))
                return KRATOS_BAD_ANSWER;
        *ret = TAKE_PTR(object);
        return 0;
}

/* A member of an object; NULL where there is no object, no such member, or null. */
static json_object *member(json_object *object, const char *name)
{
        json_object *value = NULL;

        if (!json_object_is_type(object, json_type_object))
                return NULL;
        json_object_object_get_ex(object, name, &value);
        return value;
}

/* A string without NUL in it, or NULL. It lives as long as the object. */
static const char *text(json_object *value)
{
        const char *string;

        if (!json_object_is_type(value, json_type_string))
                return NULL;
        string = json_object_get_string(value);
        return strlen(string) == (size_t)json_object_get_string_len(value) ? string : NULL;
}

static bool copy_uuid(json_object *value, char ret[static UUID_LENGTH + 1])
{
        const char *uuid = text(value);

        if (!uuid || !uuid_is_valid(uuid))
                return false;
        memcpy(ret, uuid, UUID_LENGTH + 1);
        return true;
}

void kratos_login_done(kratos_login *login)
{
        login->token = secret_free(login->token);
}

int answer_flow(const char *body, size_t size, kratos_flow *ret)
{
        _cleanup_json_ json_object *flow = NULL;
        int r;

        r = parse(body, size, &flow);
        if (r != 0)
                return r;
        return copy_uuid(member(flow, "id"), ret->id) ? KRATOS_OK : KRATOS_BAD_ANSWER;
}

/* True if one of a session's devices was recorded with a user agent that begins with nonce. */
static bool devices_have_nonce(json_object *devices, const char *nonce)
{
        if (!json_object_is_type(devices, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(devices); i++) {
                const char *agent =
                        text(member(json_object_array_get_idx(devices, i), "user_agent"));

                if (agent && strncmp(agent, nonce, ID_LENGTH) == 0)
                        return true;
        }
        return false;
}

static int read_token(json_object *value, secret **ret)
{
        _cleanup_secret_ secret *token = NULL;
        const char *string = text(value);
        int r;

        if (!string || !token_is_valid(string, strlen(string)))
                return KRATOS_BAD_ANSWER;
        r = secret_new(TOKEN_MAX, &token);
        if (r == 0)
                r = secret_append_string(token, string);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(token);
        return 0;
}

/* The identity of a session may be null; anything else must be whole. An absent state is active:
 * the oldest Kratos had none. */
static int read_identity(json_object *session, kratos_login *ret)
{
        json_object *identity = member(session, "identity"), *state = NULL, *name;

        if (!identity)
                return json_object_object_get_ex(session, "identity", NULL) ? 0 : KRATOS_BAD_ANSWER;
        if (!copy_uuid(member(identity, "id"), ret->identity))
                return KRATOS_BAD_ANSWER;
        if (json_object_object_get_ex(identity, "state", &state))
                ret->inactive_identity = !text(state) || strcmp(text(state), "active") != 0;
        name = member(member(member(identity, "metadata_public"), "posix"), "name");
        if (text(name) && user_name_is_valid(text(name)))
                memcpy(ret->posix_name, text(name), strlen(text(name)) + 1);
        return 0;
}

static int read_session(json_object *session, const char *nonce, kratos_login *ret)
{
        json_object *active = member(session, "active"), *devices = NULL;

        if (!copy_uuid(member(session, "id"), ret->session) ||
                !json_object_is_type(active, json_type_boolean))
                return KRATOS_BAD_ANSWER;
        ret->active = json_object_get_boolean(active);
        ret->lists_devices = json_object_object_get_ex(session, "devices", &devices);
        ret->has_nonce = devices_have_nonce(devices, nonce);
        return read_identity(session, ret);
}

int answer_login(const char *body, size_t size, const char *nonce, kratos_login *ret)
{
        _cleanup_json_ json_object *answer = NULL;
        int r;

        r = parse(body, size, &answer);
        if (r != 0)
                return r;
        r = read_token(member(answer, "session_token"), &ret->token);
        if (r != 0)
                return r;
        return read_session(member(answer, "session"), nonce, ret);
}

/* True if a flow's messages, or those of one of its nodes, include an id. */
static bool messages_include(json_object *holder, int id)
{
        json_object *messages = member(holder, "messages");

        if (!json_object_is_type(messages, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(messages); i++)
                if (json_object_get_int(member(json_object_array_get_idx(messages, i), "id")) == id)
                        return true;
        return false;
}

static bool flow_says(json_object *flow, int id)
{
        json_object *ui = member(flow, "ui"), *nodes = member(ui, "nodes");

        if (messages_include(ui, id))
                return true;
        if (!json_object_is_type(nodes, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(nodes); i++)
                if (messages_include(json_object_array_get_idx(nodes, i), id))
                        return true;
        return false;
}

/* Shape B: a flow with messages. */
static int flow_outcome(json_object *flow)
{
        if (flow_says(flow, MESSAGE_BAD_CREDENTIALS))
                return KRATOS_BAD_CREDENTIALS;
        if (flow_says(flow, MESSAGE_INACTIVE))
                return KRATOS_INACTIVE;
        if (flow_says(flow, MESSAGE_FLOW_EXPIRED) || flow_says(flow, MESSAGE_FLOW_COMPLETED))
                return KRATOS_FLOW_GONE;
        return member(flow, "ui") ? KRATOS_DENIED : KRATOS_REFUSED;
}

/* Shape A: Kratos's own word for a status repeats it as a number. A gateway's page does not. */
static bool is_own_word(json_object *error, unsigned status)
{
        json_object *code = member(error, "code");

        return json_object_is_type(code, json_type_int) &&
               json_object_get_int64(code) == (int64_t)status;
}

/* Kratos up to 26.2 says "inactive" by 401 with the identity's id. */
static int error_outcome(unsigned status, json_object *error)
{
        if (status == 401 && member(member(error, "details"), "identity_id"))
                return KRATOS_INACTIVE;
        if (status == 403 && is_own_word(error, status))
                return KRATOS_FORBIDDEN;
        if (status == 404 && is_own_word(error, status))
                return KRATOS_NOT_FOUND;
        return status == 404 ? KRATOS_NO_SUCH_PATH : KRATOS_REFUSED;
}

int answer_error(unsigned status, const char *body, size_t size)
{
        _cleanup_json_ json_object *answer = NULL;
        int r;

        if (status >= 500)
                return KRATOS_FAULT;
        if (status == 429)
                return KRATOS_RATE_LIMITED;
        if (status == 405)
                return KRATOS_NO_SUCH_PATH;
        if (status == 410)
                return KRATOS_FLOW_GONE;

        r = parse(body, size, &answer);
        if (r < 0)
                return r;
        if (status == 400)
                return r == 0 ? flow_outcome(answer) : KRATOS_REFUSED;
        return error_outcome(status, r == 0 ? member(answer, "error") : NULL);
}

int answer_find_session(const char *body, size_t size, const char *nonce, const char *session,
        unsigned page, char ret[static UUID_LENGTH + 1])
{
        _cleanup_json_ json_object *list = NULL;
        int r;

        r = parse_value(body, size, &list);
        if (r != 0)
                return r;
        if (!list)
                return KRATOS_NOT_FOUND; /* null: Kratos's empty list */
        if (!json_object_is_type(list, json_type_array))
                return KRATOS_BAD_ANSWER;

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                json_object *entry = json_object_array_get_idx(list, i);
                char id[UUID_LENGTH + 1];

                if (!copy_uuid(member(entry, "id"), id))
                        return KRATOS_BAD_ANSWER;
                if (session[0] ? strcmp(id, session) == 0
                               : devices_have_nonce(member(entry, "devices"), nonce)) {
                        memcpy(ret, id, UUID_LENGTH + 1);
                        return KRATOS_OK;
                }
        }
        return json_object_array_length(list) < page ? KRATOS_NOT_FOUND : KRATOS_BAD_ANSWER;
}
