/*
 * Writing the index files of lmdb:.
 */
#pragma once

#include "table/writer.h"

#define LMDB_SUFFIX ".lmdb"

extern const struct table_writer lmdb_writer;
