/*
 * postmap and postalias, which differ in the source's syntax and in a few options. This is the
 * whole of both programs: it reads arguments, writes to standard output, logs and exits.
 */
#pragma once

#include "base/compiler.h"
#include "table/build.h"

struct table_command {
    const char *name;    /* "postmap" */
    const char *options; /* those it has, for getopt(3) */
    const char *usage;   /* what follows the name in the usage line */
    enum build_syntax syntax;
    const char *separator;              /* between key and value of -s and -q - */
    void (*open_log)(const char *name); /* called when params are there */
};

int table_command_main(const struct table_command *command, int argc, char **argv);
