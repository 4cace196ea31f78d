/*
 * Bodies as a real Kratos of v1.3.1 answered them, in pieces that a test can put together
 * otherwise. Constants, and one function that makes a body of them, which its caller frees.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NONCE "0123456789abcdef0123456789abcdef"
#define FLOW "daef118a-ab76-4db0-8803-3c710b7bdec6"
#define SESSION "ea05a8f8-2464-490c-b526-e05b6ea63a94"
#define OTHER "d9988523-e0c4-4e6b-a86a-7d029ad2a39d"
#define IDENTITY "96719cc8-e64e-4527-9f76-63499b624546"
#define TOKEN "ory_st_0AkaIlIagRax2zUWs4ZAPKzFRfhY1eFA"

#define FLOW_HEAD "{\"id\":\"" FLOW "\",\"organization_id\":null,\"type\":\"api\""
#define FLOW_TAIL                                                                                  \
        ",\"created_at\":\"2026-11-23T10:27:47.40303Z\",\"refresh\":false,"                        \
        "\"requested_aal\":\"aal1\",\"state\":\"choose_method\"}\n"
#define NODE                                                                                       \
        "{\"type\":\"input\",\"group\":\"password\",\"attributes\":{\"name\":\"password\"},"       \
        "\"messages\":[],\"meta\":{\"label\":{\"id\":1070001,\"text\":\"Password\"}}}"

/* A flow with a list of nodes and a list of messages. */
#define FLOW_WITH(nodes, messages)                                                                 \
        FLOW_HEAD ",\"ui\":{\"action\":\"http://127.0.0.1:433/"                                    \
                  "\",\"method\":\"POST\",\"nodes\":" nodes ",\"messages\":" messages              \
                  "}" FLOW_TAIL
#define MESSAGE(id) "{\"id\":" id ",\"text\":\"Told: a \\\"thing\\\"\",\"type\":\"error\"}"

#define POSIX "\"metadata_public\":{\"posix\":{\"name\":\"alice\"}}"
#define AGENT "\"user_agent\":\"" NONCE " kratosd/0.1.0 (testhost; sshd; ssh)\""
#define DEVICES                                                                                    \
        "\"devices\":[{\"id\":\"d90c8ff6-dc8c-4584-b534-81289d2bdeed\","                           \
        "\"ip_address\":\"127.0.0.1:54536\"," AGENT ",\"location\":\"\"}]"

/* A text with its first "from" replaced, in a block of exactly its size, for the sanitizers. */
static inline char *changed(const char *text, const char *from, const char *to, size_t *ret_size)
{
        const char *place = strstr(text, from);
        size_t head, tail, size;
        char *copy;

        assert_non_null(place);
        head = (size_t)(place - text);
        tail = strlen(place + strlen(from));
        size = head + strlen(to) + tail;
        copy = malloc(size ? size : 1);
        assert_non_null(copy);
        memcpy(copy, text, head);
        memcpy(copy + head, to, strlen(to));
        memcpy(copy + head + strlen(to), place + strlen(from), tail);
        *ret_size = size;
        return copy;
}
