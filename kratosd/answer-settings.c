#include "answer-settings.h"

#include <stdio.h>
#include <string.h>

#include "answer-step.h"
#include "json.h"

/* A settings flow has some 20 values for each way in which people can log in. */
static const json_limits limits = { .depth = 32, .values = 5000 };

/* Two errors of 403 say that the session may not do this, and that a better one might. */
static bool wants_more(const char *id)
{
        return id && (strcmp(id, "session_refresh_required") == 0 ||
                             strcmp(id, "session_aal2_required") == 0);
}

/* Shape A. Kratos's own word for a status repeats it as a number; a gateway's page does not. */
static int error_outcome(unsigned status, json_object *error, int outcome)
{
        json_object *code = json_member(error, "code");

        if (!json_object_is_type(code, json_type_int) ||
                json_object_get_int64(code) != (int64_t)status)
                return outcome;
        if (status == 401)
                return KRATOS_NO_SESSION;
        if (status == 403 && wants_more(json_text(json_member(error, "id"))))
                return KRATOS_NOT_SURE_ENOUGH;
        return outcome;
}

int answer_settings(unsigned status, const char *body, size_t size, int outcome)
{
        _cleanup_json_ json_object *answer = NULL;
        int r;

        if (status != 400 && status != 401 && status != 403)
                return outcome;
        r = json_read_object(body, size, &limits, &answer);
        if (r < 0)
                return r;
        if (r > 0)
                return outcome;
        if (status == 400)
                return json_member(answer, "ui") ? KRATOS_DENIED : KRATOS_REFUSED;
        return error_outcome(status, json_member(answer, "error"), outcome);
}

int answer_changed(const char *body, size_t size)
{
        _cleanup_json_ json_object *flow = NULL;
        const char *state;
        int r;

        r = json_read_object(body, size, &limits, &flow);
        if (r != 0)
                return r == JSON_INVALID ? KRATOS_BAD_ANSWER : r;
        state = json_text(json_member(flow, "state"));
        return state && strcmp(state, "success") == 0 ? KRATOS_OK : KRATOS_BAD_ANSWER;
}

/* Adds the errors among a flow's messages, or those of one of its nodes. */
static void add_errors(json_object *holder, char ret[static PROMPT_TEXT_MAX + 1])
{
        json_object *messages = json_member(holder, "messages");

        if (!json_object_is_type(messages, json_type_array))
                return;
        for (size_t i = 0; i < json_object_array_length(messages); i++) {
                json_object *message = json_object_array_get_idx(messages, i);
                const char *type = json_text(json_member(message, "type"));
                const char *text = json_text(json_member(message, "text"));

                if (type && text && strcmp(type, "error") == 0)
                        answer_add_text(text, ret);
        }
}

void answer_objections(const char *body, size_t size, char ret[static PROMPT_TEXT_MAX + 1])
{
        _cleanup_json_ json_object *flow = NULL;
        json_object *ui, *nodes;

        ret[0] = '\0';
        if (json_read_object(body, size, &limits, &flow) != 0)
                return;
        ui = json_member(flow, "ui");
        nodes = json_member(ui, "nodes");
        add_errors(ui, ret);
        if (json_object_is_type(nodes, json_type_array))
                for (size_t i = 0; i < json_object_array_length(nodes); i++)
                        add_errors(json_object_array_get_idx(nodes, i), ret);
}
