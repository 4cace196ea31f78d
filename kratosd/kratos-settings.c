#include "answer-settings.h"
#include "body.h"
#include "call.h"

/* What the answer means here. */
static int refine(int outcome, const http_answer *answer)
{
        if (answer->result != HTTP_ANSWERED)
                return outcome;
        return answer_settings(
                answer->status, secret_data(answer->body), secret_size(answer->body), outcome);
}

static bool finish_settings(kratos_call *call, int outcome, const http_answer *answer)
{
        return call_finish_flow(call, refine(outcome, answer), answer);
}

int kratos_begin_settings(kratos *k, const secret *token, uint64_t deadline_usec,
        kratos_flow_done done, void *userdata, kratos_call **ret)
{
        kratos_call *call;
        int r;

        r = call_new_flow(k, "/self-service/settings/api", token, deadline_usec, &call);
        if (r < 0)
                return r;
        call->finish = finish_settings;
        call->then.flow = done;
        call->userdata = userdata;
        return call_start(call, ret);
}

static bool finish_change(kratos_call *call, int outcome, const http_answer *answer)
{
        char sentence[PROMPT_TEXT_MAX + 1] = "";

        outcome = refine(outcome, answer);
        if (outcome == KRATOS_OK)
                outcome = answer_changed(secret_data(answer->body), secret_size(answer->body));
        if (outcome == KRATOS_DENIED)
                answer_objections(secret_data(answer->body), secret_size(answer->body), sentence);
        call_note_answer(call, outcome);
        call->then.change(outcome, sentence, call->userdata);
        return true;
}

int kratos_change_password(kratos *k, const kratos_flow *flow, const secret *token,
        const secret *password, uint64_t deadline_usec, kratos_change_done done, void *userdata,
        kratos_call **ret)
{
        _cleanup_call_ kratos_call *call = NULL;
        int r;

        r = call_new(k, false, "POST", deadline_usec, &call);
        if (r == 0)
                r = body_new_password(password, &call->body);
        if (r == 0)
                r = secret_copy(token, &call->token);
        if (r == 0)
                r = call_set_path(call, "/self-service/settings?flow=%s", flow->id);
        if (r < 0)
                return r;
        call->lane = HTTP_LOGINS;
        call->finish = finish_change;
        call->then.change = done;
        call->userdata = userdata;
        return call_start(TAKE_PTR(call), ret);
}
