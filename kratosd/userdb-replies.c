#include "userdb-replies.h"

#include <stdlib.h>
#include <string.h>

typedef struct kept {
        reply_terms terms;
        uid_t peer;
        size_t call_size, reply_size;
        char bytes[]; /* the call, the reply */
} kept;

struct replies {
        kept *kept[REPLIES_MAX]; /* each at the place that its call has by its hash */
};

/* FNV-1a. Whoever finds calls with the same place makes others be answered anew, no more. */
static size_t place_of(uid_t peer, const char *call, size_t size)
{
        uint32_t hash = UINT32_C(2166136261) ^ peer;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ (unsigned char)call[i]) * UINT32_C(16777619);
        return hash % REPLIES_MAX;
}

replies *replies_new(void)
{
        return calloc(1, sizeof(replies));
}

replies *replies_free(replies *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < REPLIES_MAX; i++)
                free(r->kept[i]);
        free(r);
        return NULL;
}

void replies_keep(replies *r, uid_t peer, const char *call, size_t call_size, const char *reply,
        size_t reply_size, const reply_terms *terms)
{
        kept **place = &r->kept[place_of(peer, call, call_size)], *new;

        if (call_size > REPLY_KEPT_MAX || reply_size > REPLY_KEPT_MAX - call_size)
                return;
        new = malloc(sizeof(*new) + call_size + reply_size);
        if (!new)
                return;
        new->terms = *terms;
        new->peer = peer;
        new->call_size = call_size;
        new->reply_size = reply_size;
        memcpy(new->bytes, call, call_size);
        memcpy(new->bytes + call_size, reply, reply_size);
        free(*place);
        *place = new;
}

bool replies_find(const replies *r, uid_t peer, const char *call, size_t call_size,
        uint64_t changes, int64_t now, const char **ret_reply, size_t *ret_size,
        const reply_terms **ret_terms)
{
        const kept *one = r->kept[place_of(peer, call, call_size)];

        if (!one || one->peer != peer || one->call_size != call_size ||
                memcmp(one->bytes, call, call_size) != 0)
                return false;
        if (one->terms.changes != changes || now < one->terms.from || now >= one->terms.until)
                return false;
        *ret_reply = one->bytes + call_size;
        *ret_size = one->reply_size;
        *ret_terms = &one->terms;
        return true;
}
