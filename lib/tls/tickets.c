#include "tls/tickets.h"

void tickets_install(SSL_CTX *context, const struct tls_settings *settings)
{
    (void)settings;
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

void tickets_renew(const struct tls_settings *settings)
{
    (void)settings;
}
