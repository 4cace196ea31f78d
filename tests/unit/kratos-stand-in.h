/*
 * A Kratos of which only whether it has an admin API, its configuration, and which calls were
 * cancelled matter, for the programs of people.h. Whoever includes this has said before what a
 * struct kratos_call is, with a bool over, and makes the calls; each program owns its own.
 */
#pragma once

static unsigned n_cancelled;
static bool has_admin;

bool kratos_has_admin(const kratos *k)
{
        (void)k;
        return has_admin;
}

config *kratos_config(kratos *k)
{
        (void)k;
        return &configuration;
}

/* Nobody may cancel a call that is over. */
kratos_call *kratos_cancel(kratos_call *call)
{
        if (call) {
                assert_false(call->over);
                call->over = true;
                n_cancelled++;
        }
        return NULL;
}
