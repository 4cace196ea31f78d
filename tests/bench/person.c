#include "person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

static int answer(
        int count, const struct pam_message **messages, struct pam_response **ret, void *userdata)
{
        person *p = userdata;
        double begun = now_us();
        struct pam_response *answers = calloc((size_t)count, sizeof(*answers));

        if (!answers)
                return PAM_BUF_ERR;
        for (int i = 0; i < count; i++)
                if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF) {
                        if (p->typing_ms)
                                sleep_ms(p->typing_ms);
                        answers[i].resp = strdup(p->code && p->answers > 0 ? p->code : p->password);
                        p->answers++;
                }
        *ret = answers;
        p->entered = now_us();
        p->typed_us += p->entered - begun;
        return PAM_SUCCESS;
}

bool person_begin(person *p, const char *service)
{
        struct pam_conv conversation = { .conv = answer, .appdata_ptr = p };

        return pam_start(service, p->user, &conversation, &p->handle) == PAM_SUCCESS;
}

bool person_authenticate(person *p)
{
        double begun;
        int r;

        p->typed_us = 0;
        p->answers = 0;
        begun = now_us();
        r = pam_authenticate(p->handle, 0);
        if (r != PAM_SUCCESS)
                fprintf(stderr, "%s: %s after %.0f ms\n", p->user, pam_strerror(p->handle, r),
                        (now_us() - begun) / 1000);
        return r == PAM_SUCCESS;
}

bool person_visit(person *p)
{
        return pam_open_session(p->handle, 0) == PAM_SUCCESS &&
               pam_close_session(p->handle, 0) == PAM_SUCCESS;
}

void person_end(person *p)
{
        if (p->handle)
                pam_end(p->handle, PAM_SUCCESS);
        p->handle = NULL;
}
