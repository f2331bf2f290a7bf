/*
 * The manager of several instances that the control command hands its work to.
 */
#pragma once

/*
 * Become the command of multi_instance_wrapper with these arguments (NULL-terminated) behind
 * its own, and with the environment that postfix-wrapper(5) promises. Returns, having logged
 * why, only when that fails. Reads params.
 */
void wrapper_run(char *const arguments[]);
