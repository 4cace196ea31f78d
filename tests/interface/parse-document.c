/* parse-document <FILE    reads an account document, and says "ok", or the sentence with which it
 * is refused. */
#include <stdio.h>
#include <string.h>

#include "kratosd/posix.h"

int main(void)
{
        static char json[POSIX_SIZE_MAX + 2];
        size_t size = fread(json, 1, sizeof(json), stdin);
        _cleanup_posix_ posix *p = NULL;
        const char *why = "ok";
        int r = posix_parse(json, size, &p, &why);

        puts(r < 0 ? strerror(-r) : why);
        return r < 0;
}
