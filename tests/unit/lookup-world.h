/*
 * What look-ups are tested with: a Kratos that notes what it is asked for, and what the test sets:
 * the clock, and whether a name is a local user's. Each program that includes this owns its own.
 */
#pragma once

#include "people.h"

#include "kratosd/lookup.h"
#include "kratosd/store-accounts.h"
#include "kratosd/timespan.h"

#define DAVE "bbbbbbbb-2222-4333-8444-555555555555"

/* What Kratos is being asked for. */
typedef struct kratos_call {
        char identifier[64];
        uint64_t deadline;
        kratos_identity_each each;
        kratos_identities_done done;
        void *userdata;
        bool over;
} kratos_call;

#define CALLS_MAX 8192
static kratos_call calls[CALLS_MAX];
static unsigned n_calls;
static int find_answer;
static bool is_urgent; /* the last call */

#include "kratos-stand-in.h"

int kratos_admin_find_identities(kratos *k, bool urgent, const char *identifier,
        uint64_t deadline_usec, kratos_identity_each each, kratos_identities_done done,
        void *userdata, kratos_call **ret)
{
        kratos_call *call = &calls[n_calls];

        (void)k;
        is_urgent = urgent;
        if (find_answer < 0)
                return find_answer;
        assert_true(n_calls < CALLS_MAX);
        *call = (kratos_call){
                .deadline = deadline_usec, .each = each, .done = done, .userdata = userdata
        };
        snprintf(call->identifier, sizeof(call->identifier), "%s", identifier);
        n_calls++;
        *ret = call;
        return 0;
}

static int64_t now_usec;

int64_t boottime_usec(void)
{
        return now_usec;
}

static int local_kind;

int local_user_find(const char *list, const char *passwd, const char *name, local_user *ret)
{
        (void)list;
        (void)passwd;
        (void)name;
        (void)ret;
        return local_kind;
}

static lookups *all;
static unsigned n_done;

static void on_done(void *userdata)
{
        if (userdata)
                *(lookup **)userdata = NULL;
        n_done++;
}

static uid_t asker;

static int look_up(const char *name, lookup **ret)
{
        return lookup_begin(all, asker, name, on_done, ret, ret);
}

/* A look-up for which Kratos is asked, or not. */
static bool is_asked(const char *name)
{
        unsigned before = n_calls;
        lookup *one = NULL;
        int r = look_up(name, &one);

        assert_true(r == LOOKUP_WAITING || r == LOOKUP_NOTHING);
        assert_int_equal(r == LOOKUP_WAITING, one != NULL);
        assert_int_equal(r == LOOKUP_WAITING, n_calls == before + 1);
        lookup_cancel(one);
        return r == LOOKUP_WAITING;
}

static void tell(kratos_call *call, const char *id, const char *name)
{
        char document[64];
        kratos_identity identity = identity_of(id, document);

        snprintf(document, sizeof(document), "{\"name\":\"%s\"}", name);
        snprintf(identity.claims, sizeof(identity.claims), "%s", name);
        assert_int_equal(call->each(&identity, call->userdata), 0);
}

static void finish(kratos_call *call, int outcome)
{
        assert_false(call->over);
        call->over = true;
        call->done(outcome, call->userdata);
}

#define LAST_CALL (&calls[n_calls - 1])

static int begin_lookups(void **state)
{
        n_calls = n_cancelled = n_done = 0;
        asker = 0;
        has_admin = true;
        find_answer = 0;
        local_kind = LOCAL_USER_ABSENT;
        now_usec = 3600 * (int64_t)USEC_PER_SEC;
        if (begin(state) < 0)
                return -1;
        configuration.identifier = (char *)"%u@example.org";
        configuration.lookup_timeout_usec = 1234567;
        return lookups_new(NULL, users, people, NULL, &all);
}

static int end_lookups(void **state)
{
        all = lookups_free(all);
        return end(state);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_lookups, end_lookups)
