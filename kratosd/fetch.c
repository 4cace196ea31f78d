#include "fetch.h"

#include <errno.h>
#include <stdlib.h>

#include "store.h"

struct fetch {
        fetches *all;
        int64_t begun;
        kratos_call *call;
        fetch_done done; /* NULL: for the stock */
        void *userdata;
        LIST_ENTRY(fetch) list;
};

static void fetch_free(fetch *f)
{
        LIST_REMOVE(f, list);
        f->all->n_spare -= !f->done;
        kratos_cancel(f->call);
        free(f);
}

static void on_flow(int outcome, const kratos_flow *flow, void *userdata)
{
        fetch *f = userdata;

        f->call = NULL;
        if (f->done)
                f->done(outcome, flow, f->begun, f->userdata);
        else if (outcome == KRATOS_OK)
                flows_put(&f->all->stock, flow, f->begun);
        fetch_free(f);
}

int fetch_start(fetches *all, fetch_done done, void *userdata, fetch **ret)
{
        fetch *f = calloc(1, sizeof(fetch));
        int r;

        if (!f)
                return -ENOMEM;
        f->all = all;
        f->begun = boottime_usec();
        f->done = done;
        f->userdata = userdata;
        r = kratos_begin_login(all->kratos, done != NULL, kratos_config(all->kratos)->timeout_usec,
                on_flow, f, &f->call);
        if (r < 0) {
                free(f);
                return r;
        }
        LIST_INSERT_HEAD(&all->list, f, list);
        all->n_spare += !done;
        *ret = f;
        return 0;
}

fetch *fetch_adopt(fetches *all, fetch_done done, void *userdata)
{
        fetch *f;

        LIST_FOREACH (f, &all->list, list) {
                if (f->done)
                        continue;
                f->done = done;
                f->userdata = userdata;
                all->n_spare--;
                return f;
        }
        return NULL;
}

fetch *fetch_leave(fetch *f)
{
        fetches *all = f ? f->all : NULL;

        if (!f)
                return NULL;
        if (all->stock.count + all->n_spare >= FLOWS_MAX) {
                fetch_free(f);
                return NULL;
        }
        f->done = NULL;
        all->n_spare++;
        return NULL;
}

void fetches_stock(fetches *all)
{
        fetch *f;

        if (all->stock.count == 0 && all->n_spare == 0)
                (void)fetch_start(all, NULL, NULL, &f);
}

void fetches_forget(fetches *all)
{
        fetch *f = LIST_FIRST(&all->list);

        flows_forget(&all->stock);
        while (f) {
                fetch *next = LIST_NEXT(f, list);

                if (!f->done)
                        fetch_free(f);
                f = next;
        }
}
