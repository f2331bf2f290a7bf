/*
 * postmap: write, change, ask and list look-up tables.
 */
#include "table/command.h"

int main(int argc, char **argv)
{
    static const struct table_command postmap = {
        .name = "postmap",
        .options = "bc:d:fFhijmnNopq:rsuUvw",
        .usage = "[-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...",
        .syntax = BUILD_MAP,
        .separator = "\t",
    };

    return table_command_main(&postmap, argc, argv);
}
