#include "throttle-memory.h"

#include <stdlib.h>
#include <string.h>

static bool is_same(const throttle_row *one, const throttle_row *other)
{
        return one->kind == other->kind && one->slot == other->slot &&
               strcmp(one->user, other->user) == 0 && strcmp(one->place, other->place) == 0;
}

static throttle_row *find(const throttle_memory *m, const throttle_row *row)
{
        for (size_t i = 0; i < m->n_rows; i++)
                if (is_same(&m->rows[i], row))
                        return &m->rows[i];
        return NULL;
}

static throttle_row *find_weakest(const throttle_memory *m)
{
        throttle_row *weakest = &m->rows[0];

        for (size_t i = 1; i < m->n_rows; i++)
                if (throttle_row_fades(&m->rows[i]) < throttle_row_fades(weakest))
                        weakest = &m->rows[i];
        return weakest;
}

const throttle_row *throttle_memory_find(const throttle_memory *m, const throttle_row *row)
{
        return find(m, row);
}

void throttle_memory_put(throttle_memory *m, const throttle_row *row)
{
        throttle_row *place = find(m, row);

        if (!m->rows)
                m->rows = calloc(m->max, sizeof(throttle_row));
        if (!m->rows)
                return;
        if (!place)
                place = m->n_rows < m->max ? &m->rows[m->n_rows++] : find_weakest(m);
        *place = *row;
}

void throttle_memory_forget(throttle_memory *m, const throttle_row *row)
{
        throttle_row *place = find(m, row);

        if (place)
                *place = m->rows[--m->n_rows];
}

void throttle_memory_clear(throttle_memory *m)
{
        free(m->rows);
        m->rows = NULL;
        m->n_rows = 0;
}
