/*
 * Every table type: one declaration here, one line in drivers.c, one file.
 */
#pragma once

#include "table/table.h"

extern const struct table_driver table_btree;
extern const struct table_driver table_cdb;
extern const struct table_driver table_cidr;
extern const struct table_driver table_debug;
extern const struct table_driver table_environ;
extern const struct table_driver table_fail;
extern const struct table_driver table_hash;
extern const struct table_driver table_inline;
extern const struct table_driver table_internal;
extern const struct table_driver table_ldap;
extern const struct table_driver table_lmdb;
extern const struct table_driver table_memcache;
extern const struct table_driver table_mysql;
extern const struct table_driver table_pcre;
extern const struct table_driver table_pgsql;
extern const struct table_driver table_pipemap;
extern const struct table_driver table_proxy;
extern const struct table_driver table_randmap;
extern const struct table_driver table_redis;
extern const struct table_driver table_regexp;
extern const struct table_driver table_socketmap;
extern const struct table_driver table_sqlite;
extern const struct table_driver table_static;
extern const struct table_driver table_tcp;
extern const struct table_driver table_texthash;
extern const struct table_driver table_unionmap;
extern const struct table_driver table_unix;
