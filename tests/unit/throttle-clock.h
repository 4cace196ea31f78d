/*
 * A throttle on a real store, and a wall clock that the test sets: shared by the programs that test
 * the throttle, each of which owns its own.
 */
#pragma once

#include "store-folder.h"

#include <time.h>

#include "kratosd/throttle.h"
#include "kratosd/timespan.h"

#define SEC ((int64_t)USEC_PER_SEC)
#define HOUR (3600 * SEC)
#define BEGUN (1800000000 * SEC)

static int64_t wall;
static config settings;
static store *file;
static throttle *now;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
        if (clock != CLOCK_REALTIME)
                return __real_clock_gettime(clock, ret);
        *ret = (struct timespec){ .tv_sec = wall / SEC, .tv_nsec = wall % SEC * 1000 };
        return 0;
}

static inline void restart(void)
{
        now = throttle_free(now);
        file = store_free(file);
        file = open_store();
        assert_int_equal(throttle_new(file, &settings, &now), 0);
}

static int begin(void **state)
{
        wall = BEGUN;
        settings = (config){ .references = 1000 };
        settings.throttle = (throttle_rules){ .enabled = true,
                .free_tries = 5,
                .max_delay_usec = 900 * USEC_PER_SEC,
                .forget_usec = 24 * 3600 * USEC_PER_SEC,
                .second_factor = 10,
                .mails = 5,
                .mails_of_host = 30 };
        if (begin_store(state) != 0)
                return -1;
        restart();
        return 0;
}

static int end(void **state)
{
        now = throttle_free(now);
        file = store_free(file);
        return remove_folder(state);
}

static inline throttle_origin remote(const char *user, const char *rhost)
{
        return (throttle_origin){ .user = user, .service = "sshd", .rhost = rhost, .ruser = "" };
}

static inline throttle_origin local(const char *user, const char *service, const char *ruser)
{
        return (throttle_origin){ .user = user, .service = service, .rhost = "", .ruser = ruser };
}

static inline throttle_origin invented(const char *name, const char *rhost)
{
        throttle_origin from = remote(name, rhost);

        from.invented = true;
        return from;
}

/* Seconds until the next try would be let through; -1: others are under way. */
static int64_t wait_for(enum throttle_kind kind, throttle_origin from)
{
        throttle_try *attempt = NULL;
        uint64_t wait = 0;
        int r = throttle_admit(now, kind, &from, &wait, &attempt);

        assert_null(throttle_drop(attempt));
        if (r == THROTTLE_BUSY)
                return -1;
        assert_int_equal(r, wait > 0 ? THROTTLE_WAIT : 0);
        return ((int64_t)wait + SEC - 1) / SEC;
}

static inline int64_t wait_at(throttle_origin from)
{
        return wait_for(THROTTLE_FIRST_FACTOR, from);
}

static bool fails(enum throttle_kind kind, throttle_origin from)
{
        throttle_try *attempt = NULL;
        uint64_t wait;

        if (throttle_admit(now, kind, &from, &wait, &attempt) != 0)
                return false;
        assert_null(throttle_failed(attempt));
        return true;
}

/* How many of so many wrong passwords, one after another, get through. */
static inline unsigned guess(throttle_origin from, unsigned tries)
{
        unsigned through = 0;

        while (tries-- > 0)
                through += fails(THROTTLE_FIRST_FACTOR, from);
        return through;
}

static inline void succeed(throttle_origin from)
{
        throttle_succeeded(now, &from);
}

static inline int64_t mail(throttle_origin from)
{
        uint64_t wait = 0;
        int r = throttle_mail(now, &from, &wait);

        assert_int_equal(r, wait > 0 ? THROTTLE_WAIT : 0);
        return ((int64_t)wait + SEC - 1) / SEC;
}

static inline bool is_known_there(const char *rhost)
{
        return wait_at(remote("alice", rhost)) == 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
