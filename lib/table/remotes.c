/*
 * The types of database tables.
 */
#include "table/remote.h"

REMOTE_DRIVER(ldap, "libldap-dev");
REMOTE_DRIVER(mysql, "libmariadb-dev");
REMOTE_DRIVER(pgsql, "libpq-dev");
REMOTE_DRIVER(redis, "libhiredis-dev");
REMOTE_DRIVER(sqlite, "libsqlite3-dev");
