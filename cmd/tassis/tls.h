/*
 * tassis tls: turning TLS on, and making, deploying and announcing the server's keys, as
 * "postfix tls" does.
 */
#pragma once

/* "tls SUBCOMMAND ..."; argv[0] is "tls". The exit status; what went wrong has been logged. */
int tls_command(int argc, char **argv);
