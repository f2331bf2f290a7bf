/*
 * The list of table types.
 */
#include "table/drivers.h"

#include <stddef.h>

static const struct table_driver *const drivers[] = {
    &table_btree,     &table_cdb,      &table_cidr,    &table_debug,    &table_environ,
    &table_fail,      &table_hash,     &table_inline,  &table_internal, &table_ldap,
    &table_lmdb,      &table_memcache, &table_mysql,   &table_pcre,     &table_pgsql,
    &table_pipemap,   &table_proxy,    &table_randmap, &table_redis,    &table_regexp,
    &table_socketmap, &table_sqlite,   &table_static,  &table_tcp,      &table_texthash,
    &table_unionmap,  &table_unix,     NULL,
};

const struct table_driver *const *table_drivers(void)
{
    return drivers;
}
