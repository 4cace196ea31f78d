#include "answer.h"

#include <errno.h>
#include <string.h>

#include "common/interface.h"
#include "json.h"

/* Kratos's own answers are at most nine deep. A full page of sessions has 15,000 values. */
static const json_limits limits = { .depth = 32, .values = 20000 };

/* Of Kratos's message ids (text/id.go) those that matter here. */
#define MESSAGE_BAD_CREDENTIALS 4000006
#define MESSAGE_INACTIVE 4010011
#define MESSAGE_FLOW_EXPIRED 4010001
#define MESSAGE_FLOW_COMPLETED 4010007
#define MESSAGE_NOT_TAKEN 4000001

const char *kratos_outcome_reason(int outcome)
{
        switch (outcome) {
        case KRATOS_UNREACHABLE:
                return "kratos-unreachable";
        case KRATOS_NOT_ASKED:
                return "kratos-busy";
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

bool kratos_is_silent(int outcome)
{
        return outcome == KRATOS_UNREACHABLE || outcome == KRATOS_NO_ANSWER ||
               outcome == KRATOS_FAULT || outcome == KRATOS_RATE_LIMITED;
}

/* Reads a body that is an object. */
static int parse(const char *body, size_t size, json_object **ret)
{
        int r = json_read_object(body, size, &limits, ret);

        return r == JSON_INVALID ? KRATOS_BAD_ANSWER : r;
}

static bool copy_uuid(json_object *value, char ret[static UUID_LENGTH + 1])
{
        const char *uuid = json_text(value);

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
        json_object *refresh;
        int r;

        r = parse(body, size, &flow);
        if (r != 0)
                return r;
        if (!copy_uuid(json_member(flow, "id"), ret->id))
                return KRATOS_BAD_ANSWER;
        refresh = json_member(flow, "refresh");
        ret->renews =
                json_object_is_type(refresh, json_type_boolean) && json_object_get_boolean(refresh);
        return KRATOS_OK;
}

/* True if one of a session's devices was recorded with a user agent that begins with nonce. */
static bool devices_have_nonce(json_object *devices, const char *nonce)
{
        if (!json_object_is_type(devices, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(devices); i++) {
                const char *agent =
                        json_text(json_member(json_object_array_get_idx(devices, i), "user_agent"));

                if (agent && strncmp(agent, nonce, ID_LENGTH) == 0)
                        return true;
        }
        return false;
}

static int read_token(json_object *value, secret **ret)
{
        _cleanup_secret_ secret *token = NULL;
        const char *string = json_text(value);
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
        json_object *identity = json_member(session, "identity"), *state = NULL, *name;

        if (!identity)
                return json_object_object_get_ex(session, "identity", NULL) ? 0 : KRATOS_BAD_ANSWER;
        if (!copy_uuid(json_member(identity, "id"), ret->identity))
                return KRATOS_BAD_ANSWER;
        if (json_object_object_get_ex(identity, "state", &state))
                ret->inactive_identity =
                        !json_text(state) || strcmp(json_text(state), "active") != 0;
        name = json_member(json_member(json_member(identity, "metadata_public"), "posix"), "name");
        if (json_text(name) && user_name_is_valid(json_text(name)))
                memcpy(ret->posix_name, json_text(name), strlen(json_text(name)) + 1);
        return 0;
}

/* Unknown levels count for less than they may be worth. */
static enum kratos_aal level_of(json_object *value)
{
        const char *level = json_text(value);

        return level && strcmp(level, "aal2") == 0 ? KRATOS_AAL2 : KRATOS_AAL1;
}

static enum kratos_aal read_aal(json_object *session)
{
        json_object *value = NULL;

        if (!json_object_object_get_ex(session, "authenticator_assurance_level", &value))
                return KRATOS_AAL_UNKNOWN;
        return level_of(value);
}

/* Each factor that is verified is added to the end of the list, also where the session had one of
 * its kind before. */
static enum kratos_aal read_verified(json_object *session)
{
        json_object *methods = json_member(session, "authentication_methods");
        size_t n = 0;

        if (json_object_is_type(methods, json_type_array))
                n = json_object_array_length(methods);
        if (n == 0)
                return KRATOS_AAL_UNKNOWN;
        return level_of(json_member(json_object_array_get_idx(methods, n - 1), "aal"));
}

static int read_session(json_object *session, const char *nonce, kratos_login *ret)
{
        json_object *active = json_member(session, "active"), *devices = NULL;

        if (!copy_uuid(json_member(session, "id"), ret->session) ||
                !json_object_is_type(active, json_type_boolean))
                return KRATOS_BAD_ANSWER;
        ret->active = json_object_get_boolean(active);
        ret->aal = read_aal(session);
        ret->verified = read_verified(session);
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
        r = read_token(json_member(answer, "session_token"), &ret->token);
        if (r != 0)
                return r;
        return read_session(json_member(answer, "session"), nonce, ret);
}

/* True if a flow's messages, or those of one of its nodes, include an id. */
static bool messages_include(json_object *holder, int id)
{
        json_object *messages = json_member(holder, "messages");

        if (!json_object_is_type(messages, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(messages); i++)
                if (json_object_get_int(
                            json_member(json_object_array_get_idx(messages, i), "id")) == id)
                        return true;
        return false;
}

static bool flow_says(json_object *flow, int id)
{
        json_object *ui = json_member(flow, "ui"), *nodes = json_member(ui, "nodes");

        if (messages_include(ui, id))
                return true;
        if (!json_object_is_type(nodes, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(nodes); i++)
                if (messages_include(json_object_array_get_idx(nodes, i), id))
                        return true;
        return false;
}

/* What a step's messages mean. Kratos says of an identifier that nobody has, or that has no code,
 * the same here as of a person who lost a factor in between: who asked knows which it can be. */
static const struct {
        int id;
        int outcome;
} meanings[] = {
        { 4000008, KRATOS_WRONG_CODE },      /* of an authenticator app */
        { 4000012, KRATOS_WRONG_CODE },      /* a backup code that was used */
        { 4000016, KRATOS_WRONG_CODE },      /* a backup code */
        { 4010008, KRATOS_WRONG_CODE },      /* that was sent */
        { 4000011, KRATOS_NO_FACTOR },       /* no authenticator app */
        { 4000014, KRATOS_NO_FACTOR },       /* no backup codes */
        { 4000035, KRATOS_NO_FACTOR },       /* nowhere to send a code to */
        { 4010010, KRATOS_NO_FACTOR },       /* not to this address */
        { 4000037, KRATOS_BAD_CREDENTIALS }, /* no such account, where identifiers come first */
        { MESSAGE_NOT_TAKEN, KRATOS_NOT_TAKEN },
};

static int step_outcome(json_object *flow)
{
        const char *state = json_text(json_member(flow, "state"));

        for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
                if (flow_says(flow, meanings[i].id))
                        return meanings[i].outcome;
        return state && strcmp(state, "sent_email") == 0 ? KRATOS_CODE_SENT : KRATOS_DENIED;
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
        return json_member(flow, "ui") ? step_outcome(flow) : KRATOS_REFUSED;
}

/* Shape A: Kratos's own word for a status repeats it as a number. A gateway's page does not. */
static bool is_own_word(json_object *error, unsigned status)
{
        json_object *code = json_member(error, "code");

        return json_object_is_type(code, json_type_int) &&
               json_object_get_int64(code) == (int64_t)status;
}

/* A second step needs the session of the first: it has none, or it is not active any more. */
static bool lacks_session(json_object *error)
{
        const char *id = json_text(json_member(error, "id"));

        return id && strcmp(id, "session_aal1_required") == 0;
}

/* Kratos up to 26.2 says "inactive" by 401 with the identity's id. */
static int error_outcome(unsigned status, json_object *error)
{
        if (status == 401 && json_member(json_member(error, "details"), "identity_id"))
                return KRATOS_INACTIVE;
        if (status == 401 && is_own_word(error, status) && lacks_session(error))
                return KRATOS_NO_SESSION;
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
        return error_outcome(status, r == 0 ? json_member(answer, "error") : NULL);
}

int answer_find_session(const char *body, size_t size, const char *nonce, const char *session,
        unsigned page, char ret[static UUID_LENGTH + 1])
{
        _cleanup_json_ json_object *list = NULL;
        int r;

        r = json_read(body, size, &limits, &list);
        if (r != 0)
                return r == JSON_INVALID ? KRATOS_BAD_ANSWER : r;
        if (!list)
                return KRATOS_NOT_FOUND; /* null: Kratos's empty list */
        if (!json_object_is_type(list, json_type_array))
                return KRATOS_BAD_ANSWER;

        for (size_t i = 0; i < json_object_array_length(list); i++) {
                json_object *entry = json_object_array_get_idx(list, i);
                char id[UUID_LENGTH + 1];

                if (!copy_uuid(json_member(entry, "id"), id))
                        return KRATOS_BAD_ANSWER;
                if (session[0] ? strcmp(id, session) == 0
                               : devices_have_nonce(json_member(entry, "devices"), nonce)) {
                        memcpy(ret, id, UUID_LENGTH + 1);
                        return KRATOS_OK;
                }
        }
        return json_object_array_length(list) < page ? KRATOS_NOT_FOUND : KRATOS_BAD_ANSWER;
}
