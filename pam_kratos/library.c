#include "library.h"

#include <dlfcn.h>
#include <errno.h>

int library_open(library *l)
{
        const client_library *methods;

        if (l->methods)
                return 0;
        l->handle = dlopen(CLIENT_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!l->handle)
                return -ELIBACC;
        methods = dlsym(l->handle, CLIENT_SYMBOL);
        if (!methods || methods->abi != CLIENT_ABI)
                return -ELIBACC;

        l->methods = methods;
        return 0;
}

void library_close(library *l)
{
        if (l->handle)
                dlclose(l->handle);
        *l = (library){};
}
