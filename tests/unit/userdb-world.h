/*
 * A user database whose directory is a table, and the questions and answers that its tests share.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "directory-stand-in.h"
#include "kratosd/userdb.h"
#include "varlink-client.h"

#define ALICE 1879050001
#define BOB 1879050002
#define TEAM "team"

typedef struct world {
        sd_event *event;
        directory directory;
        lookups lookups;
        userdb *userdb;
        int fd; /* root's connection */
} world;

static char *alices_keys[] = { "ssh-ed25519 AAAA alice", "from=\"*.example\" ssh-rsa BBBB \"x\"" };

static int make_world(void **state)
{
        world *w = calloc(1, sizeof(*w));
        person *alice;

        assert_non_null(w);
        assert_int_equal(sd_event_new(&w->event), 0);
        alice = add_person(&w->directory, "alice", ALICE);
        alice->document.gecos = "Alice \xc3\x84";
        alice->document.keys = (posix_list){ alices_keys, 2 };
        alice->group = TEAM;
        add_person(&w->directory, "bob", BOB)->group = TEAM;
        assert_int_equal(
                userdb_new(w->event, client_listener(), &w->directory, &w->lookups, &w->userdb), 0);
        w->fd = client_connect(w->event);
        *state = w;
        return 0;
}

static int end_world(void **state)
{
        world *w = *state;

        userdb_free(w->userdb);
        close(w->fd);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

#define ASK(method, parameters)                                                                    \
        "{\"method\":\"io.systemd.UserDatabase." method "\",\"parameters\":{" parameters           \
        "\"service\":\"org.kratosd1\"}}"
#define ASK_MORE(method, parameters)                                                               \
        "{\"more\":true,\"method\":\"io.systemd.UserDatabase." method                              \
        "\",\"parameters\":{" parameters "\"service\":\"org.kratosd1\"}}"
#define USER(parameters) ASK("GetUserRecord", parameters)
#define GROUP(parameters) ASK("GetGroupRecord", parameters)
#define ERROR(name) "{\"error\":\"io.systemd.UserDatabase." name "\",\"parameters\":{}}"
#define INVALID(name)                                                                              \
        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"       \
        "\"" name "\"}}"

static void assert_answer(world *w, int fd, const char *answer)
{
        const char *received = client_receive(w->event, fd);

        assert_string_equal(received ? received : "nothing", answer);
}

static void assert_call(world *w, const char *call, const char *answer)
{
        client_send(w->event, w->fd, call);
        assert_answer(w, w->fd, answer);
}

#define ALICE_OPEN                                                                                 \
        "{\"parameters\":{\"record\":{\"userName\":\"alice\",\"uid\":1879050001,"                  \
        "\"gid\":1879050001,\"realName\":\"Alice \xc3\x84\",\"homeDirectory\":\"/home/alice\","    \
        "\"shell\":\"/bin/bash\",\"disposition\":\"regular\",\"service\":\"org.kratosd1\""
#define ALICE_KEYS                                                                                 \
        ",\"privileged\":{\"sshAuthorizedKeys\":[\"ssh-ed25519 AAAA alice\","                      \
        "\"from=\\\"*.example\\\" ssh-rsa BBBB \\\"x\\\"\"]}"
#define ALICE_FOR_ROOT ALICE_OPEN ALICE_KEYS "},\"incomplete\":false}}"
#define ALICE_FOR_OTHERS ALICE_OPEN "},\"incomplete\":true}}"
#define BOB_OPEN                                                                                   \
        "{\"parameters\":{\"record\":{\"userName\":\"bob\",\"uid\":1879050002,\"gid\":1879050002," \
        "\"homeDirectory\":\"/home/bob\",\"shell\":\"/bin/bash\",\"disposition\":\"regular\","     \
        "\"service\":\"org.kratosd1\""
#define BOB_RECORD BOB_OPEN "},\"incomplete\":false}}"
#define ALICES_GROUP                                                                               \
        "{\"parameters\":{\"record\":{\"groupName\":\"alice\",\"gid\":1879050001,"                 \
        "\"disposition\":\"regular\",\"service\":\"org.kratosd1\"},\"incomplete\":false}}"

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, end_world)
