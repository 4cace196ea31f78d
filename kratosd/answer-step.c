#include "answer-step.h"

#include <string.h>

#include "json.h"

/* A flow for a second factor has some 20 values for each factor. */
static const json_limits limits = { .depth = 32, .values = 5000 };

/* Kratos's own ids (text/id.go) are above; an administrator's hooks choose theirs. */
#define MESSAGE_OWN_MIN 1000000
#define MESSAGE_ADDRESS_UNVERIFIED 4000010

static bool is(const char *text, const char *other)
{
        return text && strcmp(text, other) == 0;
}

static void add_address(kratos_offer *offer, const char *address)
{
        size_t length = address ? strlen(address) : 0;

        if (length == 0 || length > ADDRESS_MAX || offer->n_addresses == OFFER_ADDRESSES_MAX)
                return;
        for (unsigned i = 0; i < offer->n_addresses; i++)
                if (strcmp(offer->addresses[i], address) == 0)
                        return;
        memcpy(offer->addresses[offer->n_addresses++], address, length + 1);
}

/* The factors of which a flow has any input. */
typedef struct groups {
        bool totp;
        bool lookup_secret;
        bool code;
} groups;

/* Groups of ui/node/node.go that are of no factor. One that is not known may be of one, and whoever
 * has that is not let in without. */
static bool is_no_factor(const char *group)
{
        return is(group, "default") || is(group, "captcha") || is(group, "profile") ||
               is(group, "identifier_first");
}

/* Notes to which factor an input belongs. */
static void note_group(const char *group, groups *seen, kratos_offer *offer)
{
        if (is(group, "totp"))
                seen->totp = true;
        else if (is(group, "lookup_secret"))
                seen->lookup_secret = true;
        else if (is(group, "code"))
                seen->code = true;
        else if (!is_no_factor(group))
                offer->other = true;
}

/* One input of the form that a browser would show. Once a code was sent, the address to which it
 * went is in a hidden one. */
static void read_node(json_object *node, groups *seen, kratos_offer *offer)
{
        const char *group = json_text(json_member(node, "group"));
        json_object *attributes = json_member(node, "attributes");
        const char *name = json_text(json_member(attributes, "name"));

        note_group(group, seen, offer);
        if (is(group, "totp") && is(name, "totp_code"))
                offer->totp = true;
        else if (is(group, "lookup_secret") && is(name, "lookup_secret"))
                offer->lookup_secret = true;
        else if (is(name, "address") ||
                 (offer->sent && is(group, "code") && is(name, "identifier")))
                add_address(offer, json_text(json_member(attributes, "value")));
}

/* Whoever has a factor is not let in without, also where nothing can be made of it here. */
static bool has_other(const kratos_offer *offer, const groups *seen)
{
        return offer->other || (seen->totp && !offer->totp) ||
               (seen->lookup_secret && !offer->lookup_secret) ||
               (seen->code && offer->n_addresses == 0);
}

int answer_offer(const char *body, size_t size, kratos_offer *ret)
{
        _cleanup_json_ json_object *flow = NULL;
        json_object *nodes;
        kratos_offer offer = { 0 };
        groups seen = { 0 };
        const char *state;
        int r;

        r = json_read_object(body, size, &limits, &flow);
        if (r != 0)
                return r == JSON_INVALID ? KRATOS_BAD_ANSWER : r;
        r = answer_flow(body, size, &offer.flow);
        if (r != 0)
                return r;
        state = json_text(json_member(flow, "state"));
        offer.sent = is(state, "sent_email");

        nodes = json_member(json_member(flow, "ui"), "nodes");
        if (json_object_is_type(nodes, json_type_array))
                for (size_t i = 0; i < json_object_array_length(nodes); i++)
                        read_node(json_object_array_get_idx(nodes, i), &seen, &offer);
        offer.other = has_other(&offer, &seen);
        *ret = offer;
        return KRATOS_OK;
}

/* Most of Kratos's texts tell what the person typed wrong, and some whether an account exists. */
static bool may_be_shown(json_object *message)
{
        int64_t id = json_object_get_int64(json_member(message, "id"));
        const char *type = json_text(json_member(message, "type"));

        return type && strcmp(type, "error") == 0 &&
               (id == MESSAGE_ADDRESS_UNVERIFIED || id < MESSAGE_OWN_MIN);
}

/* Bytes of a character of UTF-8, which json-c has found to be well-formed, by its first. */
static size_t width_of(unsigned char first)
{
        return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Some terminals obey C1 too: U+0080 to U+009F, in UTF-8 C2 80 to C2 9F. */
static bool is_control(const char *character)
{
        const unsigned char *p = (const unsigned char *)character;

        return *p < 0x20 || *p == 0x7F || (p[0] == 0xC2 && p[1] < 0xA0);
}

void answer_add_text(const char *text, char ret[static PROMPT_TEXT_MAX + 1])
{
        size_t used = strlen(ret);

        if (used > 0 && used < PROMPT_TEXT_MAX)
                ret[used++] = ' ';
        while (*text) {
                size_t width = strnlen(text, width_of((unsigned char)*text));

                if (used + width > PROMPT_TEXT_MAX)
                        break;
                if (!is_control(text)) {
                        memcpy(ret + used, text, width);
                        used += width;
                }
                text += width;
        }
        ret[used] = '\0';
}

/* The first of a list of messages that may be shown. */
static const char *find_text(json_object *messages)
{
        if (!json_object_is_type(messages, json_type_array))
                return NULL;
        for (size_t i = 0; i < json_object_array_length(messages); i++) {
                json_object *message = json_object_array_get_idx(messages, i);

                if (may_be_shown(message))
                        return json_text(json_member(message, "text"));
        }
        return NULL;
}

void answer_sentence(const char *body, size_t size, char ret[static PROMPT_TEXT_MAX + 1])
{
        _cleanup_json_ json_object *flow = NULL;
        json_object *ui, *nodes;
        const char *text;

        ret[0] = '\0';
        if (json_read_object(body, size, &limits, &flow) != 0)
                return;
        ui = json_member(flow, "ui");
        nodes = json_member(ui, "nodes");
        text = find_text(json_member(ui, "messages"));
        if (json_object_is_type(nodes, json_type_array))
                for (size_t i = 0; !text && i < json_object_array_length(nodes); i++)
                        text = find_text(
                                json_member(json_object_array_get_idx(nodes, i), "messages"));
        if (text)
                answer_add_text(text, ret);
}
