#include "tls/peer.h"

static void add_signature(const struct tls_signature_fact *signature, const char *side,
                          struct buf *line)
{
    if (!signature->name)
        return;
    buf_printf(line, " %s-signature %s", side, signature->name);
    if (signature->curve)
        buf_printf(line, " (%s)", signature->curve);
    else if (signature->bits > 0)
        buf_printf(line, " (%d bits)", signature->bits);
    if (signature->digest)
        buf_printf(line, " %s-digest %s", side, signature->digest);
}

void tls_peer_details(const struct tls_peer *peer, struct buf *line)
{
    if (peer->kex_name) {
        buf_printf(line, " key-exchange %s", peer->kex_name);
        if (peer->kex_curve)
            buf_printf(line, " (%s)", peer->kex_curve);
        else if (peer->kex_bits > 0)
            buf_printf(line, " (%d bits)", peer->kex_bits);
    }
    add_signature(&peer->server_signature, "server", line);
    add_signature(&peer->client_signature, "client", line);
}

void tls_peer_summary(const struct tls_peer *peer, const char *direction, const char *name,
                      struct buf *line)
{
    static const char *const words[] = {
        [TLS_ANONYMOUS] = "Anonymous",
        [TLS_UNTRUSTED] = "Untrusted",
        [TLS_TRUSTED] = "Trusted",
        [TLS_VERIFIED] = "Verified",
    };

    buf_printf(line, "%s TLS connection established %s %s", words[peer->trust], direction,
               name);
    if (peer->sni.len)
        buf_printf(line, " to %.*s", SLICE_ARG(peer->sni));
    buf_printf(line, ": %s with cipher %s (%d/%d bits)", peer->protocol, peer->cipher,
               peer->used_bits, peer->algorithm_bits);
    tls_peer_details(peer, line);
}
