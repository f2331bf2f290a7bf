/*
 * What a change of a table through the proxywrite service is.
 */
#pragma once

enum proxy_action {
    PROXY_ADD,     /* unless the key is there: then the answer is TABLE_FOUND */
    PROXY_REPLACE, /* or add */
    PROXY_REMOVE,  /* TABLE_NOT_FOUND: it was not there */
};
