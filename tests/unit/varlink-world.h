/*
 * A Varlink server with an interface of the tests' own, and the assertions that its tests share.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/json-build.h"
#include "kratosd/varlink.h"
#include "varlink-client.h"

#define ME 12345
#define STREAM_OF 20000

typedef struct world {
        sd_event *event;
        varlink *server;
        varlink_call *waiting; /* the last call of Wait */
        unsigned released;
        unsigned streamed;
} world;

static json_object *text(const char *value)
{
        json_object *object = json_object_new_object();

        json_put_text(&object, "text", value);
        return object;
}

static void echo(varlink_call *call, json_object *parameters, void *userdata)
{
        const char *value = json_text(json_member(parameters, "text"));

        (void)userdata;
        varlink_reply(call, text(value ? value : varlink_call_takes_more(call) ? "more" : "none"));
}

static void whoami(varlink_call *call, json_object *parameters, void *userdata)
{
        json_object *object = json_object_new_object();

        (void)parameters;
        (void)userdata;
        json_put_number(&object, "uid", varlink_call_uid(call));
        varlink_reply(call, object);
}

static void release(void *userdata)
{
        world *w = userdata;

        w->waiting = NULL;
        w->released++;
}

static void wait_for_it(varlink_call *call, json_object *parameters, void *userdata)
{
        world *w = userdata;

        (void)parameters;
        w->waiting = call;
        varlink_wait(call, release, w);
}

static void resume(varlink_call *call, void *userdata)
{
        char number[32];
        world *w = userdata;

        while (varlink_call_has_room(call)) {
                (void)snprintf(number, sizeof(number), "%u", w->streamed);
                if (++w->streamed == STREAM_OF) {
                        varlink_reply(call, text(number));
                        return;
                }
                varlink_reply_continues(call, text(number));
        }
}

static void stream(varlink_call *call, json_object *parameters, void *userdata)
{
        world *w = userdata;

        (void)parameters;
        w->streamed = 0;
        varlink_stream(call, resume, release, w);
}

/* An answer of more than may wait for anybody. */
static void flood(varlink_call *call, json_object *parameters, void *userdata)
{
        static char much[VARLINK_OUTPUT_MAX + 1];

        (void)parameters;
        (void)userdata;
        memset(much, 'x', sizeof(much) - 1);
        varlink_reply(call, text(much));
}

static void no_memory(varlink_call *call, json_object *parameters, void *userdata)
{
        (void)parameters;
        (void)userdata;
        varlink_reply(call, NULL);
}

static void silent(varlink_call *call, json_object *parameters, void *userdata)
{
        (void)call;
        (void)parameters;
        (void)userdata;
}

static const varlink_method methods[] = {
        { "Echo", echo },
        { "WhoAmI", whoami },
        { "Wait", wait_for_it },
        { "Stream", stream },
        { "Flood", flood },
        { "NoMemory", no_memory },
        { "Silent", silent },
        { "Missing", NULL },
        { 0 },
};
static const varlink_interface interface = { "org.example", "interface org.example\n", methods };
static const varlink_info info = { "a vendor", "a product", "1", "https://example.org" };

static int make_world(void **state)
{
        world *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        assert_int_equal(sd_event_new(&w->event), 0);
        assert_int_equal(
                varlink_new(w->event, client_listener(), &info, &interface, w, &w->server), 0);
        *state = w;
        return 0;
}

static int end_world(void **state)
{
        world *w = *state;

        varlink_free(w->server);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

static void assert_call(world *w, int fd, const char *call, const char *answer)
{
        const char *received = client_call(w->event, fd, call);

        assert_string_equal(received ? received : "nothing", answer);
}

__attribute__((unused)) static void assert_nothing(world *w, int fd)
{
        const char *received = client_receive(w->event, fd);

        assert_string_equal(received ? received : "nothing", "nothing");
}

static void assert_closed(world *w, int fd)
{
        const char *received = client_receive(w->event, fd);

        assert_string_equal(received ? received : "nothing", "closed");
}

#define ECHO "{\"method\":\"org.example.Echo\",\"parameters\":{\"text\":\"hi\"}}"
#define ECHOED "{\"parameters\":{\"text\":\"hi\"}}"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)
