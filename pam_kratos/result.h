/*
 * The one table that turns an error of the bus interface into a PAM code, and the rule for
 * everything else: it is PAM_SYSTEM_ERR, never success, and never "ignore". (rule 3)
 */
#pragma once

/* The PAM code of what a method of client.h returned; error is the name it left, and counts only
 * after CLIENT_REFUSED. */
int result_code(int r, const char *error);
