#include "flows.h"

#include "store.h"

void flows_put(flows *f, const kratos_flow *flow, int64_t taken)
{
        if (f->count == FLOWS_MAX || taken < f->since)
                return;
        f->stock[f->count].flow = *flow;
        f->stock[f->count].taken = taken;
        f->count++;
}

void flows_forget(flows *f)
{
        f->count = 0;
        f->since = boottime_usec();
}

bool flows_take(flows *f, kratos_flow *ret, int64_t *ret_taken)
{
        int64_t now = boottime_usec();

        while (f->count > 0) {
                f->count--;
                if (now - f->stock[f->count].taken < FLOW_KEEP_USEC) {
                        *ret = f->stock[f->count].flow;
                        *ret_taken = f->stock[f->count].taken;
                        return true;
                }
        }
        return false;
}
