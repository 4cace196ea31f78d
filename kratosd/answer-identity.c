#include "answer-identity.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "json.h"

/* An identity of Kratos's is some ten deep; its metadata may be deeper. A batch of them has some
 * 10,000 values. */
static const json_limits limits = { .depth = 32, .values = 60000 };

/* Identities of one list: Kratos's largest page. */
#define LIST_MAX 1000

/* A verified address of somebody, in bytes (RFC 5321 §4.5.3.1.3). */
#define ADDRESS_MAX 254

void kratos_identity_done(kratos_identity *identity)
{
        free(identity->document);
        identity->document = NULL;
}

int kratos_identity_copy(const kratos_identity *identity, kratos_identity *ret)
{
        kratos_identity copied = *identity;

        if (identity->document) {
                copied.document = strdup(identity->document);
                if (!copied.document)
                        return -ENOMEM;
        }
        *ret = copied;
        return 0;
}

static bool copy(json_object *value, char *ret, size_t size)
{
        const char *string = json_text(value);

        if (!string || strlen(string) >= size)
                return false;
        memcpy(ret, string, strlen(string) + 1);
        return true;
}

/* True if Kratos has seen that an address is this person's. */
static bool is_verified(json_object *identity, const char *address)
{
        json_object *list = json_member(identity, "verifiable_addresses");

        if (!json_object_is_type(list, json_type_array))
                return false;
        for (size_t i = 0; i < json_object_array_length(list); i++) {
                json_object *entry = json_object_array_get_idx(list, i);
                const char *value = json_text(json_member(entry, "value"));
                json_object *verified = json_member(entry, "verified");

                if (value && strcmp(value, address) == 0 &&
                        json_object_is_type(verified, json_type_boolean) &&
                        json_object_get_boolean(verified))
                        return true;
        }
        return false;
}

/* The name that the traits give, or nothing: one that is not valid is not made so. */
static void read_trait_name(
        json_object *identity, const identity_traits *traits, kratos_identity *ret)
{
        char name[ADDRESS_MAX + 1];
        char *at;

        if (!traits->user_name || !copy(json_at(identity, traits->user_name), name, sizeof(name)))
                return;
        if (traits->strip_domain) {
                at = strchr(name, '@');
                if (!at || strcasecmp(at + 1, traits->strip_domain) != 0 ||
                        !is_verified(identity, name))
                        return;
                *at = '\0';
        }
        if (user_name_is_valid(name))
                memcpy(ret->trait_name, name, strlen(name) + 1);
}

/* The document, as a text in which nothing but its own meaning is left to compare. */
static int read_document(json_object *identity, kratos_identity *ret)
{
        json_object *public = json_member(json_member(identity, "metadata_public"), "posix");
        json_object *admin = json_member(json_member(identity, "metadata_admin"), "posix");
        json_object *document = public ? public : admin;

        json_object *name = json_member(document, "name");

        ret->two_documents = public && admin;
        if (!name)
                memcpy(ret->claims, ret->trait_name, sizeof(ret->claims));
        else if (json_text(name) && user_name_is_valid(json_text(name)))
                memcpy(ret->claims, json_text(name), strlen(json_text(name)) + 1);
        if (!document)
                return 0;
        ret->document = strdup(json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN));
        return ret->document ? 0 : -ENOMEM;
}

/* An absent state is active: the oldest Kratos had none. */
static bool read_state(json_object *identity, bool *ret_active)
{
        json_object *state = NULL;

        if (!json_object_object_get_ex(identity, "state", &state)) {
                *ret_active = true;
                return true;
        }
        if (!json_text(state))
                return false;
        *ret_active = strcmp(json_text(state), "active") == 0;
        return *ret_active || strcmp(json_text(state), "inactive") == 0;
}

static int read_identity(json_object *object, const identity_traits *traits, kratos_identity *ret)
{
        _cleanup_identity_ kratos_identity identity = { 0 };
        int r;

        if (!copy(json_member(object, "id"), identity.id, sizeof(identity.id)) ||
                !uuid_is_valid(identity.id) || !read_state(object, &identity.active) ||
                !copy(json_member(object, "schema_id"), identity.schema, sizeof(identity.schema)) ||
                !identity.schema[0])
                return KRATOS_BAD_ANSWER;
        read_trait_name(object, traits, &identity);
        r = read_document(object, &identity);
        if (r < 0)
                return r;
        *ret = identity;
        identity.document = NULL;
        return KRATOS_OK;
}

int answer_identity(
        const char *body, size_t size, const identity_traits *traits, kratos_identity *ret)
{
        _cleanup_json_ json_object *object = NULL;
        int r;

        r = json_read_object(body, size, &limits, &object);
        if (r != 0)
                return r < 0 ? r : KRATOS_BAD_ANSWER;
        r = read_identity(object, traits, ret);
        if (r == KRATOS_OK)
                ret->has_nul = json_has_nul(body, size);
        return r;
}

/* Identities of one list, all of which are owned. */
typedef struct batch {
        kratos_identity *list;
        size_t count;
} batch;

static void batch_done(batch *b)
{
        for (size_t i = 0; i < b->count; i++)
                kratos_identity_done(&b->list[i]);
        free(b->list);
}

static int read_batch(json_object *list, const identity_traits *traits, batch *b)
{
        size_t length = json_object_array_length(list);

        if (length > LIST_MAX)
                return KRATOS_BAD_ANSWER;
        b->list = calloc(length ? length : 1, sizeof(kratos_identity));
        if (!b->list)
                return -ENOMEM;
        for (; b->count < length; b->count++) {
                int r = read_identity(
                        json_object_array_get_idx(list, b->count), traits, &b->list[b->count]);

                if (r != KRATOS_OK)
                        return r;
                for (size_t i = 0; i < b->count; i++)
                        if (strcmp(b->list[i].id, b->list[b->count].id) == 0) {
                                b->count++;
                                return KRATOS_BAD_ANSWER;
                        }
        }
        return KRATOS_OK;
}

int answer_identities(const char *body, size_t size, const identity_traits *traits,
        int (*each)(const kratos_identity *identity, void *userdata), void *userdata)
{
        _cleanup_json_ json_object *list = NULL;
        _cleanup_(batch_done) batch b = { 0 };
        int r;

        r = json_read(body, size, &limits, &list);
        if (r != 0)
                return r < 0 ? r : KRATOS_BAD_ANSWER;
        if (!list)
                return KRATOS_OK; /* null: Kratos's empty list */
        if (!json_object_is_type(list, json_type_array))
                return KRATOS_BAD_ANSWER;
        r = read_batch(list, traits, &b);
        if (r == KRATOS_OK && b.count > 0 && json_has_nul(body, size)) {
                /* Of several it must be found out one by one in whose it is. */
                if (b.count > 1)
                        return KRATOS_BAD_ANSWER;
                b.list[0].has_nul = true;
        }
        for (size_t i = 0; r == KRATOS_OK && i < b.count; i++)
                r = each(&b.list[i], userdata);
        return r;
}
