/*
 * login-once SERVICE USER PASSWORD TYPING_MS [CODE]
 *
 * One login, in a process of its own as login programs are, which loads what a login program loads
 * and no more. Prints two times in microseconds: pam_authenticate without the typing, and from the
 * last answer to the end of it. Opens and closes the session afterwards.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "person.h"

int main(int argc, char **argv)
{
        person p = { 0 };
        double begun, ended;

        if (argc != 5 && argc != 6)
                return 2;
        p.user = argv[2];
        p.password = argv[3];
        p.code = argv[5];
        p.typing_ms = (unsigned)strtoul(argv[4], NULL, 10);
        if (!person_begin(&p, argv[1]))
                return 1;
        begun = now_us();
        if (!person_authenticate(&p))
                return 1;
        ended = now_us();
        printf("%.1f %.1f\n", ended - begun - p.typed_us, ended - p.entered);
        if (!person_visit(&p))
                return 1;
        person_end(&p);
        return 0;
}
