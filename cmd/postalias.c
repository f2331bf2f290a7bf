/*
 * postalias: the same as postmap for files in the syntax of aliases(5).
 */
#include "table/command.h"

int main(int argc, char **argv)
{
    static const struct table_command postalias = {
        .name = "postalias",
        .options = "c:d:fijnNopq:rsuUvw",
        .usage = "[-fijnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...",
        .syntax = BUILD_ALIASES,
        .separator = ":\t",
    };

    return table_command_main(&postalias, argc, argv);
}
