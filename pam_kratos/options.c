#include "options.h"

#include <string.h>

void options_parse(int argc, const char **argv, options *ret)
{
        options o = {};

        for (int i = 0; i < argc; i++)
                if (strcmp(argv[i], "login-id=env") == 0)
                        o.login_id_in_env = true;
                /* These three libpam itself reads, in pam_get_authtok. */
                else if (strcmp(argv[i], "use_first_pass") == 0 ||
                         strcmp(argv[i], "use_authtok") == 0)
                        o.never_ask = true;
                else if (strcmp(argv[i], "try_first_pass") != 0 && !o.unknown)
                        o.unknown = argv[i];

        *ret = o;
}
