/* Responses of name servers. The first byte chooses the type asked for. */
#include "dns/message.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A,  DNS_NS,  DNS_CNAME, DNS_SOA, DNS_PTR,
                                          DNS_MX, DNS_TXT, DNS_AAAA,  DNS_SRV, DNS_TLSA};
    struct arena arena = ARENA_INIT, copies = ARENA_INIT;
    struct dns_message message;
    struct dns_answer copy;

    if (size > 0 && dns_message_parse(slice_of(data + 1, size - 1), SLICE("mail.test"),
                                      types[data[0] % ARRAY_SIZE(types)], &arena, &message))
        dns_answer_copy(&copy, &message.answer, &copies);
    arena_release(&arena);
    arena_release(&copies);
    return 0;
}
