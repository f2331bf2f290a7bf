/*
 * The files and tables that the parameters for our own key pairs name, in main.cf and in the
 * services of master.cf. A worker that has been taken over can ask for these alone.
 */
#pragma once

#include <stdbool.h>

#include "base/slice.h"
#include "table/table.h"

/* Read the configuration; once. Tables are opened. */
void approved_open(void);

bool approved_file(struct slice path);

/* Look the name up in the tables of the list, a value of tls_server_sni_maps. */
enum table_result approved_find(struct slice maps, struct slice name, struct buf *value,
                                struct error *error);
